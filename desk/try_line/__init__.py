"""The page on which people call the line from their browser and see where in the flow they are."""
