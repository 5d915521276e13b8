"""Devices where an account has signed in before: a signed cookie for each account, which opens nothing by itself.

With it, guesses by others do not slow the person down (`slow_down`).
"""

import hashlib
import hmac
import secrets

from fastapi import Request, Response

from background.address_limit import group_of
from desk.people.slow_down import Place
from desk.settings import DeskSettings

YEAR_S = 365 * 24 * 3600

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


def place_of(request: Request, settings: DeskSettings, account: str) -> Place:
    """Return where somebody signs in: at a known device of this account, or in a network."""
    device = device_of(settings, account, request.cookies.get(cookie_name(settings, account), ""))
    if device is not None:
        return Place(account, f"device {device}", is_known=True)
    return Place(account, group_of(request.client.host if request.client else ""))


def remember(answer: Response, settings: DeskSettings, account: str) -> None:
    """Have a browser keep that an account has signed in with it."""
    answer.set_cookie(
        cookie_name(settings, account),
        make(settings, account),
        max_age=YEAR_S,
        path="/sign-in",
        secure=settings.is_encrypted,
        httponly=True,
        samesite="strict",
    )


def _sign(settings: DeskSettings, *parts: str) -> str:
    key = hmac.digest(settings.control_token.encode(), b"device cookies of the desk", "sha256")
    return hmac.new(key, "\0".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()
