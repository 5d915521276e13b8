"""Reports: a supervisor's page with the figures of any period, and the same as files."""
