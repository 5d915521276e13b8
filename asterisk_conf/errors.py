"""This package's only exception."""

from wire.errors import UserError


class AsteriskError(UserError):
    """Asterisk cannot be installed, configured or started; the message is one sentence with a remedy."""
