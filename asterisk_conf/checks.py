"""Checks of a site's values, so that no value can break out of its place in a configuration file.

Each check takes the value's owner ("Operator 1001") for its message, and raises AsteriskError.
"""

import re
import unicodedata
from ipaddress import IPv6Address, ip_network
from pathlib import Path

from asterisk_conf.errors import AsteriskError

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")
_OUTER_SECRET = re.compile(r"[ -~]{1,128}")
_SERVER = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
)
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NAME_PUNCTUATION = frozenset(" .'’()/+-_&")
_MAX_NAME = 80  # characters; Asterisk truncates channel and caller names a little above that


def identifier(what: str, value: str) -> None:
    """Check the name of a carrier, operator, queue, node or user."""
    if not _IDENTIFIER.fullmatch(value):
        raise AsteriskError(
            f"{what} {value!r}: use at most 40 letters (a to z), digits, '-' and '_', beginning with a letter or digit."
        )
    if value.lower() == "general":
        raise AsteriskError(f"{what} {value!r}: Asterisk reserves this name; choose another one.")


def person(owner: str, name: str) -> None:
    """Check a person's name, in any script."""
    if not name.strip() or len(name) > _MAX_NAME:
        raise AsteriskError(f"{owner}: the name {name!r} is empty or longer than {_MAX_NAME} characters; correct it.")
    for character in name:
        if unicodedata.category(character)[0] not in "LMN" and character not in _NAME_PUNCTUATION:
            raise AsteriskError(
                f"{owner}: the name {name!r} contains {character!r}; use letters, digits, spaces and . ' ( ) / + - _ &"
            )


def secret(owner: str, value: str) -> None:
    """Check a password; the message never contains it."""
    if not _SECRET.fullmatch(value):
        raise AsteriskError(f"{owner}: the password must be 16 to 128 letters (a to z), digits, '-' and '_'.")


def language(owner: str, code: str) -> None:
    """Check a language code."""
    if not _LANGUAGE.fullmatch(code):
        raise AsteriskError(f"{owner}: {code!r} is not a language code such as 'fr' or 'zgh'.")


def network(owner: str, host: str) -> None:
    """Check an IP address or network; the whole internet is refused."""
    try:
        found = ip_network(host)
    except ValueError:
        raise AsteriskError(
            f"{owner}: the host {host!r} is not an IP address or network such as 192.0.2.7 or 192.0.2.0/28."
        ) from None
    if found.prefixlen == 0:
        raise AsteriskError(f"{owner}: the host {host!r} is the whole internet; list the carrier's own addresses.")


def folder(what: str, path: Path) -> None:
    """Check a path that is written into configuration files."""
    for character in str(path):
        if not character.isprintable() or character in ';"\\':
            raise AsteriskError(f"{what} is {str(path)!r}, which contains {character!r}; choose a path without it.")


def server(owner: str, value: str) -> None:
    """Check a name or an IPv4 address, or an IPv6 address in brackets, with or without a port."""
    match = _SERVER.fullmatch(value)
    try:
        fits = match is not None and (match["port"] is None or 1 <= int(match["port"]) <= 65535)
        if match is not None and match["v6"] is not None:
            IPv6Address(match["v6"])
    except ValueError:
        fits = False
    if not fits:
        raise AsteriskError(f"{owner}: {value!r} is not a server; write one such as 192.0.2.7:5060 or sip.example.org.")


def user(owner: str, value: str) -> None:
    """Check a user name at a carrier."""
    if not _USER.fullmatch(value):
        raise AsteriskError(f"{owner}: the user {value!r} may only have letters (a to z), digits and . _ + -")


def outer_secret(owner: str, value: str) -> None:
    """Check a password that somebody else chose; the message never contains it."""
    if not _OUTER_SECRET.fullmatch(value) or value != value.strip():
        raise AsteriskError(f"{owner}: the password must be 1 to 128 characters of ASCII, without spaces at its ends.")


def option(value: str) -> str:
    """Return a value as Asterisk's files need it: a semicolon would begin a comment."""
    return value.replace(";", "\\;")
