"""The administrator's pages: what the site's files say, changed from pages and taken back."""
