"""Devices where an account has signed in before: a signed cookie for each account, which opens nothing by itself.

With it, guesses by others do not slow the person down (`slow_down`).
"""

import hashlib
import hmac
import secrets

from desk.settings import DeskSettings

_NONCE = 16  # bytes, in hexadecimal twice as many characters


def cookie_name(settings: DeskSettings, account: str) -> str:
    """Return the name of the cookie of an account, one for each: people share computers.

    It does not name the account. The port keeps two desks on one machine apart.
    """
    mark = _sign(settings, "name", account)[:12]
    return f"{'__Secure-' if settings.is_encrypted else ''}hatif-device-{settings.port}-{mark}"


def make(settings: DeskSettings, account: str) -> str:
    """Return the value of a new cookie for a device where somebody has signed in."""
    nonce = secrets.token_hex(_NONCE)
    return f"{nonce}.{_sign(settings, account, nonce)}"


def device_of(settings: DeskSettings, account: str, value: str) -> str | None:
    """Return which of an account's devices a cookie is of; None if the desk has not given it for this account."""
    nonce, _, signature = value.partition(".")
    right = _sign(settings, account, nonce)
    return nonce if hmac.compare_digest(signature.encode(), right.encode()) else None


def _sign(settings: DeskSettings, *parts: str) -> str:
    key = hmac.digest(settings.control_token.encode(), b"device cookies of the desk", "sha256")
    return hmac.new(key, "\0".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()
