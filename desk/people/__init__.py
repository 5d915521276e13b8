"""Who may use the desk: accounts, signing in, sessions, roles."""
