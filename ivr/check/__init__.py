"""`hatif check`: checks of a site's files and their findings."""
