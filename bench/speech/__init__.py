"""Recognition of what callers say, measured."""
