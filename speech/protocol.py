"""Messages between the controller and the workers: one JSON object a datagram, on the line's own Unix sockets.

A worker's socket is `speech.NUMBER` beside the controller's. A datagram that cannot be sent is lost: callers have keys.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

BEAT_S = 0.5
"""How often a worker says that it is alive."""
DEAD_S = 2.0
"""A worker that has said nothing for so long is not used any more."""
_MOST = 60_000
"""Bytes of a datagram."""


class Alive(Struct, frozen=True, tag="alive"):
    """A worker is alive. `port`: where it takes audio; `free`: how many more callers it can hear, by language."""

    worker: int
    port: int
    free: dict[str, int]


class Began(Struct, frozen=True, tag="began"):
    """A caller has begun to speak."""

    line: str
    question: int


class Heard(Struct, frozen=True, tag="heard"):
    """An answer of a caller. `key`: of the words that it is like; None: unclear. `took_ms`: since the end of speech.

    `found`: after an open question, up to two procedures that it is about, best first.
    """

    line: str
    question: int
    key: str | None
    confidence: float = 0.0
    took_ms: int = 0
    why: str = ""
    found: tuple[str, ...] = ()


class Lost(Struct, frozen=True, tag="lost"):
    """A caller is not heard any more."""

    line: str


class Ask(Struct, frozen=True, tag="ask"):
    """Listen for an answer. `words`: each phrase with the key that it stands for; `sounding`: a prompt plays.

    `anything`: the caller may say anything, and what it is about is looked for.
    """

    line: str
    question: int
    language: str
    words: dict[str, str]
    sounding: bool = True
    anything: bool = False


class Quiet(Struct, frozen=True, tag="quiet"):
    """The prompt has ended."""

    line: str


class Close(Struct, frozen=True, tag="close"):
    """The caller is not to be heard any more."""

    line: str


FromWorker = Alive | Began | Heard | Lost
ToWorker = Ask | Quiet | Close

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_from_worker = msgspec.json.Decoder(FromWorker)
_to_worker = msgspec.json.Decoder(ToWorker)


class Post:
    """A socket for datagrams. Whoever may open files in its folder may send to it: the folder is the line's own."""

    def __init__(self, path: Path) -> None:
        """Raises OSError: the socket cannot be made."""
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self.socket.bind(str(path))
            path.chmod(0o600)
        except OSError:
            self.socket.close()
            raise

    def send(self, to: Path, message: FromWorker | ToWorker) -> bool:
        """Send a message without waiting; return whether somebody will read it."""
        try:
            self.socket.sendto(_encode(message), str(to))
        except OSError:
            return False
        return True

    def from_workers(self) -> list[FromWorker]:
        """Return the workers' messages that have come; what is none is dropped."""
        return _read(self.socket, _from_worker)

    def to_worker(self) -> list[ToWorker]:
        """Return the controller's messages that have come; what is none is dropped."""
        return _read(self.socket, _to_worker)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def _read(socket: socket.socket, decoder: msgspec.json.Decoder[T]) -> list[T]:
    found: list[T] = []
    with suppress(BlockingIOError):
        while len(found) < 200:
            content = socket.recv(_MOST)
            with suppress(msgspec.DecodeError):
                found.append(decoder.decode(content))
    return found


def worker_socket(controllers: Path, worker: int) -> Path:
    """Return the path of a worker's socket."""
    return controllers.with_name(f"speech.{worker}")
