"""Waiting for an operator, from the first announcement to the ringing leg."""
