"""Reading about callers: who looks at what and why, on record before it is shown, and not without end."""
