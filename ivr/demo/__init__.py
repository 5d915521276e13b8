"""The demonstration call: test telephones, and the sound they hear."""
