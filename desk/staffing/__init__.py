"""Staffing: a week that was with another team, the roster on a calendar, and swaps of shifts."""
