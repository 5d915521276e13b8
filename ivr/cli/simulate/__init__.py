"""`hatif simulate`."""
