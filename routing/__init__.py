"""Skill-based routing and opening hours: facts in, decisions with their reasons out.

No Asterisk, no database, no clock, no asyncio. Instants are POSIX seconds (float), passed in as arguments.
"""
