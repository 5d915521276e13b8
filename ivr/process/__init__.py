"""The processes that run beside Asterisk: the supervisor that keeps them running, and the guard."""
