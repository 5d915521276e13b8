"""Backups encrypted to public keys, in the format of age (age-encryption.org/v1).

The private keys are elsewhere. What is written and read passes through a pipe to the library, piece by piece: of a
backup, some pieces are in memory, and none on a disk unencrypted.
"""

import base64
import contextlib
import io
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pyrage

from wire.errors import UserError

ENDING = ".age"
_BEGINNINGS = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_PIECE, _TAG, _NONCE = 64 * 1024, 16, 16
"""Of the format: plain bytes in each piece but the last, the tag after each piece, the nonce before the first."""
_LONGEST_HEADER = 64 * 1024
"""The library reads a header again from its beginning for each piece, so one of megabytes would take hours."""
_MOST_KEYS = 1024 * 1024


class BackupError(UserError):
    """A backup that cannot be made or restored; one sentence with a remedy."""


def read_keys(text: str, source: str) -> list[pyrage.x25519.Identity]:
    """Return the private keys of a file as `age-keygen` writes it; empty lines and those with # do not count.

    Args:
        source: Where they come from, for errors, which never show a key.

    Raises:
        BackupError: It has none, or something else.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if (line := line.strip()) and not line.startswith("#"):
            try:
                keys.append(pyrage.x25519.Identity.from_str(line))
            except pyrage.IdentityError:
                raise BackupError(
                    f"Line {number} of {source} is not a private key of age (AGE-SECRET-KEY-…); name the file that "
                    "`age-keygen` wrote. Open one with a passphrase first: `age -d FILE | hatif restore --key - …`."
                ) from None
    if not keys:
        raise BackupError(f"{source} has no private key; name the file that `age-keygen` wrote.")
    return keys


def load_keys(file: Path, standard_input: IO[str]) -> list[pyrage.x25519.Identity]:
    """Return the private keys of a file; of standard input, if it is "-". Raises BackupError."""
    source = "standard input" if str(file) == "-" else str(file)
    try:
        text = standard_input.read(_MOST_KEYS) if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"{source} cannot be read ({error}); name the file that `age-keygen` wrote.") from None
    return read_keys(text, source)


def is_encrypted(file: Path) -> bool:
    """Return whether a file begins as those of age do. Raises OSError."""
    with file.open("rb") as opened:
        return opened.read(max(map(len, _BEGINNINGS))).startswith(_BEGINNINGS)


@contextlib.contextmanager
def encrypting(out: IO[bytes], recipients: Sequence[str]) -> Iterator[IO[bytes]]:
    """Give a stream that reaches `out` encrypted; without recipients, `out` itself, which can also be read.

    Raises:
        BackupError: What was written is not as long as it must be, or not for all recipients.
        OSError: `out` cannot be written.
    """
    if not recipients:
        yield out
        return
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    reading, writing = os.pipe()
    source, target = _Counted(reading), _Target(out)

    def encrypt() -> None:
        try:
            pyrage.encrypt_io(source, target, keys)
        except pyrage.EncryptError as error:
            raise target.failure or BackupError(f"The backup cannot be encrypted: {error}.") from None

    with _beside(encrypt, source), os.fdopen(writing, "wb") as plain:
        yield plain
    _check_written(out, len(recipients), source.count)


@contextlib.contextmanager
def opened(file: Path, keys: Sequence[pyrage.x25519.Identity]) -> Iterator[IO[bytes]]:
    """Open a backup, encrypted or not.

    Raises:
        BackupError: No key opens it, it is not as it was written, or keys are missing or too many.
        OSError: It cannot be read.
    """
    with file.open("rb") as backup:
        encrypted = is_encrypted(file)
        if encrypted and not keys:
            raise BackupError(f"Nothing was restored: {file} is encrypted; give --key FILE with the private key.")
        if keys and not encrypted:
            raise BackupError(
                f"Nothing was restored: {file} is not encrypted, at least not with age; if you have made it so, "
                "repeat the command without --key."
            )
        if not encrypted:
            yield backup
            return
        if not _has_header(backup):
            raise BackupError(
                f"Nothing was restored: the beginning of {file} is damaged (its header does not end); take another."
            )
        reading, writing = os.pipe()
        target = os.fdopen(writing, "wb")
        with (
            _translated(file),
            _beside(lambda: pyrage.decrypt_io(backup, target, keys), target),
            os.fdopen(reading, "rb") as plain,
        ):
            yield plain


def _has_header(backup: IO[bytes]) -> bool:
    """Return whether the header of an encrypted backup ends where it can."""
    start = backup.read(2 * _LONGEST_HEADER)
    backup.seek(0)
    if start.startswith(_BEGINNINGS[1]):
        text = _NOT_BASE64.sub(b"", start.partition(b"\n")[2])
        start = base64.b64decode(text[: len(text) // 4 * 4])
    return b"\n--- " in start[:_LONGEST_HEADER]


class _Counted(io.FileIO):
    """The end of a pipe that is read, which counts."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size) or b""
        self.count += len(part)
        return part


class _Target:
    """Where the library writes to. It makes a text of an error of the disk; here the error itself is kept."""

    failure: OSError | None = None

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, part: bytes) -> int:
        try:
            return self._out.write(part)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        self._out.flush()


@contextlib.contextmanager
def _beside(work: Callable[[], None], end: IO[bytes] | io.RawIOBase) -> Iterator[None]:
    """Run `work` in a thread until both are over. `end` is its end of the pipe, which is closed after it.

    Its failure counts more than one of the body, which only notices that nobody is at the other end.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            try:
                work()
            finally:
                end.close()
        except BrokenPipeError:
            pass  # the body wanted no more
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="age")
    thread.start()
    try:
        yield
    except BaseException:
        thread.join()
        if failures:
            raise failures[0] from None
        raise
    thread.join()
    if failures:
        raise failures[0]


@contextlib.contextmanager
def _translated(file: Path) -> Iterator[None]:
    """Say what the library's errors mean."""
    try:
        yield
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise BackupError(
                f"Nothing was restored: {file} is encrypted to another key than the one of --key; give the private "
                "key of one of those to which it was made."
            ) from None
        raise BackupError(
            f"Nothing was restored: the beginning of {file} is damaged ({error}); take another."
        ) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise BackupError(
            f"Nothing was restored: {file} is cut short, or not as it was written; take another."
        ) from None


def _check_written(file: IO[bytes], recipients: int, plain: int) -> None:
    """Check what can be checked without a private key: the recipients in the header, and the length of the whole."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    header, _, after = file.read(_LONGEST_HEADER).partition(b"\n--- ")
    mac, newline, _ = after.partition(b"\n")
    pieces = max(1, -(-plain // _PIECE))
    expected = len(header) + len(b"\n--- ") + len(mac) + len(newline) + _NONCE + plain + pieces * _TAG
    if header.count(b"\n-> X25519 ") != recipients or size != expected:
        raise BackupError("The backup was not written as it should be: repeat the command, on another disk if need be.")
