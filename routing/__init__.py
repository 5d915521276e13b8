"""Who gets which call, and when the line is open: facts in, decisions with their reasons out.

No Asterisk, no database, no clock, no asyncio. Instants are POSIX seconds (float) that the caller passes in.
"""
