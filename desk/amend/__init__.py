"""The living guide: its texts in all languages, amendments, and what callers ask that it does not answer."""
