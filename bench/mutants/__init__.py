"""Small faults, drawn at random and put into the code, to see whether the tests notice them."""
