"""Recognition of what callers say: workers beside Asterisk, and their models. Imports nothing of ours."""
