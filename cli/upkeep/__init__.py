"""`hatif drain`, `reload` and `restart`: changes to a running line that cut no call off."""
