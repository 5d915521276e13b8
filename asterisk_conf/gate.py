"""The address of the gate of browser telephones, as Asterisk sees it."""

GATE = "127.0.0.89"
"""From where the gate connects. Asterisk lets telephones in browsers come from here only, and takes nothing from here
for a carrier on this machine, which it knows by 127.0.0.1."""
