"""Faults, one after the other, on a line with calls in every state: what callers and rows lose, and for how long."""
