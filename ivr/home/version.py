"""Hatif's version, which setup.cfg reads from here: asking for the installed package's takes a tenth of a start."""

VERSION = "0.1.0"
