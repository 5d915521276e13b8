"""Case files: opened by hand, read, found, changed and noted."""
