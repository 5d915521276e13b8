"""The ways to Asterisk: ARI, AMI, copies of SIP messages, and the records that the dialplan keeps in AstDB."""
