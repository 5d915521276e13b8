"""The parts that all pages share: layout, translations, errors, files for the browser."""
