"""Commands about case files and about callers' numbers."""
