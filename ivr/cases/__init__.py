"""What a caller hears of a case file after reference and PIN, and how guesses are counted."""
