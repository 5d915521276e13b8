"""Commands for an Asterisk, or a dialplan, that is not ours."""
