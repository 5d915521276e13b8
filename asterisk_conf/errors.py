"""The one exception of this package."""


class AsteriskError(Exception):
    """Asterisk cannot be had, configured or started; the text is one sentence for a person and says what to do."""
