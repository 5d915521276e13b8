"""UUIDv7 ids (RFC 9562), which sort by time."""

import os
import time
from hashlib import blake2b
from uuid import UUID

_last = 0  # the 60 time bits of the last id


def _version_7(time_bits: int, tail_bits: int) -> UUID:
    """Return an id from 60 time bits (48 of milliseconds, 12 of a finer fraction or random) and 62 other bits."""
    return UUID(
        int=(time_bits >> 12 & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (time_bits & 0xFFF) << 64
        | 0b10 << 62
        | tail_bits & (1 << 62) - 1
    )


def uuid7() -> UUID:
    """Return a new id. Within one process ids increase strictly, even if the clock goes back."""
    global _last
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    _last = max(_last + 1, milliseconds << 12 | rest * 4096 // 1_000_000)
    return _version_7(_last, int.from_bytes(os.urandom(8)))


def call_id(node: str, channel_id: str, started_ms: int) -> UUID:
    """Return the id of the call that entered `node` on channel `channel_id` at `started_ms` (milliseconds since 1970,
    UTC).

    Deterministic, so that a controller that was killed before it could store the id computes the same one again.
    """
    digest = blake2b(f"{node}\0{channel_id}".encode(errors="replace"), digest_size=10).digest()
    bits = int.from_bytes(digest)
    return _version_7(started_ms << 12 | bits >> 68, bits)


def started_at(identity: UUID) -> float:
    """Return the instant in an id, in POSIX seconds: of a call's id, when the call began."""
    return (identity.int >> 80) / 1000


def id_range(beginning: str) -> tuple[UUID, UUID] | None:
    """Return the lowest and the highest id that begins with these digits; None if no id does."""
    digits = beginning.replace("-", "").lower()
    if not digits or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def parse_id(text: str | None) -> UUID | None:
    """Return the id that a text is; None if it is none, as that of a call that has no row."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
