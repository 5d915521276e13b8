"""Interfaces to Asterisk: ARI, AMI, copies of its SIP messages, and the records that the dialplan keeps in AstDB."""
