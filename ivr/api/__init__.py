"""The control API: how the command line, and later the desk, sees and changes a running line."""
