"""Commands about case files and callers' numbers."""
