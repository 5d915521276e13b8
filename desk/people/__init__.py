"""Access to the desk: accounts, signing in, sessions, roles."""
