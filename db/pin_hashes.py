"""The PIN of a case file: created, and stored as a hash.

The hash is sealed with a *pepper*, a secret of the installation that is not in the database: whoever has the database
alone can check no PIN against it.
"""

import base64
import hmac
import re
import secrets
from functools import cache
from itertools import pairwise
from operator import xor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

DIGITS = 6


def new() -> str:
    """Return six random digits, but none that are guessed first: 111111, 123456, 987654, 121212."""
    while True:
        pin = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        if not _is_guessed_first(pin):
            return pin


def _is_guessed_first(pin: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    return len(steps) == 1 or re.fullmatch(r"(..?.?)\1+", pin) is not None


@cache
def _hasher() -> "PasswordHasher":
    """Return Argon2id (RFC 9106) with 32 MiB and three passes: some 70 ms of one core.

    OWASP recommends at least 19 MiB and two passes.
    """
    from argon2 import PasswordHasher, Type  # at first use: a start of the controller need not wait for it

    return PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


def hash_of_nothing(pepper: str) -> str:
    """Return a hash that no PIN matches, and whose check takes as long as any other. Random, so nothing is computed."""
    made = _hasher()
    settings = f"m={made.memory_cost},t={made.time_cost},p={made.parallelism}"
    salt, output = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (made.salt_len, made.hash_len)
    )
    return sealed(f"$argon2id$v=19${settings}${salt}${output}", pepper)


_SEALED = "$sealed"
"""Begins a hash whose last part is Argon2's output, encrypted by the pepper."""


def hash_pin(pin: str, pepper: str) -> str:
    """Return the hash of a PIN, with its own salt. Takes as long as a check: call it in a thread."""
    return sealed(hash_unsealed(pin), pepper)


def hash_unsealed(pin: str) -> str:
    """Return the hash of a PIN as it must not be stored: anybody can check a PIN against it."""
    return _hasher().hash(pin)


def sealed(pin_hash: str, pepper: str) -> str:
    """Return a hash that can be checked only with `pepper`, made of one without; any other text stays as it is."""
    return f"{_SEALED}{_crypted(pin_hash, pepper)}" if pin_hash.startswith("$argon2id$") else pin_hash


def unsealed(pin_hash: str, pepper: str) -> str:
    """Return the hash that `sealed` was given, if it was with this pepper; one that is not sealed stays as it is."""
    sealing = pin_hash.startswith(_SEALED)
    return _crypted(pin_hash.removeprefix(_SEALED), pepper) if sealing else pin_hash


def _crypted(pin_hash: str, pepper: str) -> str:
    """Return a hash with its last part encrypted, or decrypted: each salt has a key stream of its own."""
    start, _, output = pin_hash.rpartition("$")
    raw = base64.b64decode(f"{output}==")
    stream = hmac.digest(pepper.encode(), start.encode(), "sha256")  # as long as Argon2's output
    return f"{start}${base64.b64encode(bytes(map(xor, raw, stream))).decode().rstrip('=')}"


def matches(pin: str, pin_hash: str, pepper: str) -> bool:
    """Return whether `pin_hash` is the hash of `pin`, in constant time. False for a string that is not a hash.

    A hash from before there was a pepper is checked as it is.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # as above

    try:
        return _hasher().verify(unsealed(pin_hash, pepper), pin)
    except (VerificationError, InvalidHashError, ValueError):
        return False
