"""Tokens of one-time links and of sessions. The database has their hashes only."""

import hashlib
import hmac
import secrets


def make() -> str:
    """Return a new token of 256 random bits, safe in URLs and cookies."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """Return what is stored of a token. No salt: a token cannot be guessed."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def csrf_of(token: str) -> str:
    """Return the token that a session's own pages send with each change, which pages of others do not know."""
    return hmac.new(token.encode(errors="replace"), b"csrf", hashlib.sha256).hexdigest()
