"""The kinds of nodes; one class a kind, one file a class."""
