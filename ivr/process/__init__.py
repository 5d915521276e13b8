"""The processes that run beside Asterisk: the supervisor, the guard, and how a process is kept running."""
