"""`hatif try`."""
