"""Operators' telephones: registered or not, alive or not, and what they are."""
