"""The telephones of the demonstration and the tests, and the analysis of what they hear."""
