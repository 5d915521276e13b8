"""Operators' telephones: registrations, presence, and what kind of device each is."""
