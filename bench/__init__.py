"""Measurements: programs to run from the checkout, such as `python -m bench.menu`. Not an installed package."""
