"""A caller's minute: how long callers listen before they are where they want to be, in every language."""
