"""A conversation, from the operator's answer to its end: hold, transfers, consultations, interpreters."""
