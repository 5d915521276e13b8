"""What several processes share and is no subject of its own: background work, limits, tickets.

Everybody may import this; it imports nothing of ours.
"""
