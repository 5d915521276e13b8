"""A call's ear: its caller's sound goes from Asterisk to a worker, and what was said comes back.

Asterisk copies the caller's sound (a Snoop of what comes in, without our prompts) and sends it to the worker's port by
itself; nothing of it passes through here. It ends with the caller's channel, or when the worker ends the connection.
"""

import itertools
import uuid
from collections.abc import Callable, Mapping

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.operations import Request
from ivr.recognition.workers import Spoken, Workers
from speech.protocol import Ask, Close, Lost, Quiet

CONTEXT = "hatif-speech"
"""Of the dialplan: sends a channel's sound to a worker."""
PREFIX = "speech-"
"""Begins the ids of the channels that carry callers' sound."""
STASIS_ARGS = "speech"


class Ear:
    """The ear of one call. `name`: of its line; `snoop`: the channel that carries the sound."""

    def __init__(self, workers: Workers, channel: str, port: int, name: str) -> None:
        self._workers, self._channel, self._port, self.name = workers, channel, port, name
        self.snoop = PREFIX + name
        self._numbers = itertools.count(1)
        self._question = 0

    def tap(self) -> Request:
        """Return the request that copies the caller's sound into a channel of its own."""
        return operations.SNOOP(self._channel, self.snoop, spy="in", whisper="none", app="hatif", appArgs=STASIS_ARGS)

    def send(self) -> tuple[Request, ...]:
        """Return the requests that send the sound to the worker, once that channel has come."""
        return (
            operations.SET_VARIABLE(self.snoop, variable="HATIF_SPEECH_ID", value=self.name),
            operations.SET_VARIABLE(self.snoop, variable="HATIF_SPEECH_PORT", value=str(self._port)),
            operations.CONTINUE(self.snoop, context=CONTEXT, extension="s", priority="1"),
        )

    def ask(self, language: str, words: Mapping[str, str], *, sounding: bool, anything: bool = False) -> bool:
        """Listen for words, each with its key, or for `anything`. Return whether anybody does."""
        if not self._workers.hears(self.name, language):
            return False
        self._question = next(self._numbers)
        self._workers.tell(Ask(self.name, self._question, language, dict(words), sounding, anything))
        return True

    def is_heard(self, language: str) -> bool:
        """Return whether a worker hears this caller, in this language."""
        return self._workers.hears(self.name, language)

    def quiet(self) -> None:
        """Note that the prompt has ended."""
        self._workers.tell(Quiet(self.name))

    def is_for_now(self, item: Spoken) -> bool:
        """Return whether an item belongs to the present question, or is the end of this ear, not of a former one."""
        return item.line == self.name and (isinstance(item, Lost) or item.question == self._question)

    def close(self) -> None:
        """Hear the caller no more: the worker ends the connection, and so Asterisk the channel."""
        self._workers.tell(Close(self.name))
        self._workers.forget(self.name)


def open_ear(workers: Workers, channel: str, language: str, deliver: Callable[[Spoken], None]) -> Ear | None:
    """Return an ear for a call; None if no worker hears its language, or all are busy."""
    name = str(uuid.uuid4())
    port = workers.open(name, language, deliver)
    return Ear(workers, channel, port, name) if port is not None else None
