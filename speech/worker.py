"""A worker: takes callers' sound from Asterisk, finds what they say, and tells the controller. One event loop.

Nothing of what is said is kept: 500 ms of sound while nobody speaks, and the utterance until it was understood.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import structlog

from speech import words
from speech.gate import END_S, FRAME, FRAME_S, Gate, Silero, Sound, silero_session
from speech.protocol import (
    BEAT_S,
    Alive,
    Ask,
    Began,
    Close,
    Heard,
    Lost,
    Post,
    Quiet,
    ToWorker,
    worker_socket,
)
from speech.understood import NOTHING, Finder, Understood
from speech.vosk import UNKNOWN, Model, Recogniser, Word
from speech.wideband import RATE, Wideband

log = structlog.get_logger()

_KEPT = 25
"""Frames that are kept while nobody speaks: 500 ms."""
_WAIT_S = 5.0
"""How long a caller's sound may come without a controller that asks for it."""
_CHUNK = 10 * FRAME
"""Bytes that are computed at a time in a thread."""
_HANG_UP, _ID, _SOUND = 0x00, 0x01, 0x10


class Answer(Protocol):
    """Hears one utterance."""

    def feed(self, frame: bytes) -> None: ...

    async def end(self) -> Understood:
        """Return what was said."""


class Engine(Protocol):
    """Hears a language."""

    most: int
    """Callers at once."""
    before: int
    """Frames before the gate opened that belong to an utterance."""

    def answer(self, asked: Ask) -> Answer:
        """Return a fresh recogniser for one utterance."""

    async def prepare(self, asked: Ask) -> None:
        """Do what can be done before somebody speaks."""


class VoskEngine:
    """A model of Vosk's, which hears the given words only, while they are said."""

    most = 8
    before = 15

    def __init__(self, model: Model, finder: Finder = NOTHING) -> None:
        self._model, self._finder = model, finder

    def answer(self, asked: Ask) -> Answer:
        return _VoskOpenAnswer(self._model, asked, self._finder) if asked.anything else _VoskAnswer(self._model, asked)

    async def prepare(self, asked: Ask) -> None:
        if asked.anything:
            await asyncio.to_thread(self._finder.prepare)


class _VoskAnswer:
    def __init__(self, model: Model, asked: Ask) -> None:
        every = words.known(asked.words)
        # A word that the model does not know would be ignored, and the rest of its phrase heard for all of it.
        self._keys = {phrase: key for phrase, key in every.items() if all(model.knows(word) for word in phrase.split())}
        self._recogniser, self._wideband = Recogniser(model, self._keys, RATE), Wideband()
        self._words: list[Word] = []
        self._frames = 0

    def feed(self, frame: bytes) -> None:
        self._frames += 1
        self._words += self._recogniser.feed(self._wideband.feed(frame))

    async def end(self) -> Understood:
        self._words += self._recogniser.end()
        self._recogniser.close()
        spoken_s = (self._frames - VoskEngine.before) * FRAME_S - END_S
        found = words.longest(self._words, self._keys, spoken_s)
        return Understood(self._keys[found[0]], found[1]) if found else Understood()


class _VoskOpenAnswer:
    """Computes in a thread: without a grammar, a large model may take longer than the sound does."""

    def __init__(self, model: Model, asked: Ask, finder: Finder) -> None:
        self._model, self._language, self._finder = model, asked.language, finder
        self._recogniser: Recogniser | None = None
        self._wideband = Wideband()
        self._thread = ThreadPoolExecutor(1)
        self._words: list[Word] = []
        self._sound = bytearray()

    def feed(self, frame: bytes) -> None:
        self._sound += frame
        if len(self._sound) >= _CHUNK:
            self._thread.submit(self._take, bytes(self._sound))
            self._sound.clear()

    async def end(self) -> Understood:
        self._thread.submit(self._take, bytes(self._sound))
        try:
            return await asyncio.wrap_future(self._thread.submit(self._find))
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, sound: bytes) -> None:
        if self._recogniser is None:
            self._recogniser = Recogniser(self._model, rate=RATE)
        self._words += self._recogniser.feed(self._wideband.feed(sound))

    def _find(self) -> Understood:
        if self._recogniser is not None:
            self._words += self._recogniser.end()
            self._recogniser.close()
        said = [word for word in self._words if word.text not in UNKNOWN]
        text = " ".join(word.text for word in said)
        found = self._finder.find(self._language, (text,)) if said else ()
        return Understood(None, min((word.confidence for word in said), default=0.0), found)


class Worker:
    """The work of one process. `engines`: by language; `controllers`: the socket of the line's controller."""

    def __init__(self, number: int, engines: Mapping[str, Engine], controllers: Path, beat: Callable[[], None]) -> None:
        self._number, self._engines, self._controllers, self._beat = number, engines, controllers, beat
        self._post = Post(worker_socket(controllers, number))
        self._lines: dict[str, _Line] = {}
        self._asked: dict[str, tuple[Ask, float]] = {}  # before their sound has come, with the time
        self._vad = silero_session()
        self._port = 0
        self._heard = False  # something, since memory was given back
        self._give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)  # only glibc has it

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._post.socket.fileno(), self._read)
        server = await loop.create_server(lambda: _Line(self), "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        parent = os.getppid()
        try:
            async with server:
                while os.getppid() == parent:
                    self._beat()
                    known = self._tell(Alive(self._number, self._port, self._free()))
                    now = time.monotonic()
                    self._asked = {line: row for line, row in self._asked.items() if now - row[1] < _WAIT_S}
                    for line in list(self._lines.values()):
                        if not known:
                            line.close()
                    if self._heard:  # what an utterance has needed would stay with the process; it takes .3 ms
                        self._heard = False
                        self._give_back(0)
                    await asyncio.sleep(BEAT_S)
        finally:
            loop.remove_reader(self._post.socket.fileno())
            self._post.close()
            for line in list(self._lines.values()):
                line.close()

    def _free(self) -> dict[str, int]:
        # All engines together: a worker has one processor.
        taken = len(self._lines)
        return {language: max(0, engine.most - taken) for language, engine in self._engines.items()}

    def _tell(self, message: Alive | Began | Heard | Lost) -> bool:
        return self._post.send(self._controllers, message)

    def _read(self) -> None:
        for message in self._post.to_worker():
            line = self._lines.get(message.line)
            if line is not None:
                line.told(message)
            elif isinstance(message, Ask):
                self._asked[message.line] = message, time.monotonic()
            elif isinstance(message, Close):
                self._asked.pop(message.line, None)

    # For the lines

    def opened(self, line: _Line) -> None:
        row = self._asked.pop(line.name, None)
        if row is None:
            line.close()  # not one of Asterisk's: nobody else knows the name
            return
        self._lines[line.name] = line
        line.told(row[0])

    def closed(self, line: _Line) -> None:
        if self._lines.get(line.name) is line:
            del self._lines[line.name]
            self._tell(Lost(line.name))

    def gate(self, *, anything: bool = False) -> Gate:
        return Gate(Silero(self._vad), anything=anything)

    def engine(self, language: str) -> Engine | None:
        return self._engines.get(language)

    def tell(self, message: Began | Heard) -> None:
        self._heard = True
        self._tell(message)


async def _prepare(engine: Engine, asked: Ask) -> None:
    """Have an engine do what can be done before somebody speaks; without that, answers only come later."""
    try:
        await engine.prepare(asked)
    except Exception:
        log.exception("what callers may say could not be prepared; it will be once they speak", language=asked.language)


class _Line(asyncio.Protocol):
    """One caller's sound, from Asterisk's application AudioSocket."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.name = ""
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._sound = bytearray()
        self._gate = worker.gate()
        self._before: deque[bytes] = deque(maxlen=_KEPT)
        self._asked: Ask | None = None
        self._answer: Answer | None = None
        self._ending: asyncio.Task[None] | None = None
        self._preparing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        for task in (self._ending, self._preparing):
            if task is not None:
                task.cancel()
        self._worker.closed(self)

    def close(self) -> None:
        """End the connection; Asterisk ends the channel that has brought the sound."""
        if self._transport is not None:
            self._transport.abort()

    def told(self, message: ToWorker) -> None:
        """Do what the controller says."""
        match message:
            case Ask():
                self._asked, self._answer = message, None
                self._gate = self._worker.gate(anything=message.anything)
                self._gate.sounding = message.sounding
                if (engine := self._worker.engine(message.language)) is not None:
                    self._preparing = asyncio.get_running_loop().create_task(_prepare(engine, message))
            case Quiet():
                self._gate.sounding = False
            case Close():
                self.close()

    def data_received(self, data: bytes) -> None:
        self._read += data
        while len(self._read) >= 3:
            size = int.from_bytes(self._read[1:3], "big")
            if len(self._read) < 3 + size:
                return
            kind, content = self._read[0], bytes(self._read[3 : 3 + size])
            del self._read[: 3 + size]
            if kind == _HANG_UP:
                self.close()
            elif kind == _ID and size == 16 and not self.name:
                self.name = str(uuid.UUID(bytes=content))
                self._worker.opened(self)
            elif kind == _SOUND and self.name:
                self._sound += content
        while len(self._sound) >= FRAME:
            frame = bytes(self._sound[:FRAME])
            del self._sound[:FRAME]
            self._frame(frame)

    def _frame(self, frame: bytes) -> None:
        if self._asked is None or self._ending is not None:
            self._before.append(frame)
            return
        what = self._gate.feed(frame)
        if what is Sound.BEGINS:
            engine = self._worker.engine(self._asked.language)
            if engine is None:
                return
            self._worker.tell(Began(self.name, self._asked.question))
            self._answer = engine.answer(self._asked)
            for earlier in list(self._before)[-engine.before :]:
                self._answer.feed(earlier)
        self._before.append(frame)
        if self._answer is None:
            return
        self._answer.feed(frame)
        if what is Sound.TOO_LONG:
            self._worker.tell(Heard(self.name, self._asked.question, None, why="long"))
            self._asked = self._answer = None
        elif what is Sound.ENDS:
            self._ending = asyncio.get_running_loop().create_task(self._end(self._asked, self._answer))

    async def _end(self, asked: Ask, answer: Answer) -> None:
        began, why, said = time.monotonic(), "", Understood()
        try:
            said = await answer.end()
        except Exception as error:  # whatever it is: the caller waits for an answer
            why = repr(error)
        finally:
            self._ending = None
        took_ms = round(1000 * (time.monotonic() - began))
        if self._asked is asked:  # not answered by key meanwhile
            self._asked = self._answer = None
            confidence = round(said.confidence, 3)
            self._worker.tell(Heard(self.name, asked.question, said.key, confidence, took_ms, why, said.found))
