"""Measurements. Programs, not a package to install: run them from the checkout, `python -m bench.menu`."""
