"""Calling back: call-back requests, whom we may call when, and the calls that result. See docs/callbacks.md."""
