"""Scripted callers, who train operators through the real line."""
