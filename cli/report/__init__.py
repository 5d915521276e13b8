"""`hatif report`."""
