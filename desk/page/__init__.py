"""What every page shares: layout, translations, errors, files for the browser."""
