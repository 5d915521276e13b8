"""The address of the gate of browser telephones, as Asterisk sees it."""

GATE = "127.0.0.89"
"""From where the gate connects: Asterisk lets telephones in browsers come from here only, and a carrier on this machine,
at 127.0.0.1, is known by its address."""
