"""Calls without Asterisk: the same nodes and the same `Call`, in virtual time, and nothing is stored."""
