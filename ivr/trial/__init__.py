"""A call without Asterisk: the same nodes and the same `Call`, in virtual time, of which nothing is kept."""
