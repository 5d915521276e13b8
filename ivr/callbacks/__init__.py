"""Calling back: wishes, whom we may call when, and the calls that come of it. docs/callbacks.md."""
