"""Changing the site's files from pages: edits, the check, the release, and the way back."""
