"""Opening hours, holidays and the announcement in effect on the line."""
