"""Telephones of the demonstration and the tests, and what they hear."""
