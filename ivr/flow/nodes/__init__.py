"""The kinds of nodes: one class for each kind, in a file of its own."""
