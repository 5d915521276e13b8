"""A conversation from the operator's answer to its end: hold, transfers, consultations, interpreters.

`table` says what follows what, and who must be in which bridge; it is pure. `conversation` carries it out.
"""
