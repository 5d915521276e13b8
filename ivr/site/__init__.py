"""The site's files, checked where they enter. Everything in them is the administrator's data."""
