"""Opening hours, holidays and the announcement, as the line applies them."""
