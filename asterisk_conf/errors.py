"""This package's only exception."""


class AsteriskError(Exception):
    """Asterisk cannot be installed, configured or started; the message is one sentence with a remedy."""
