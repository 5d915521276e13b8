"""Pauses of the background while calls are up, so that no caller hears anything later because of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from prompts.audio import Sound
from prompts.build import speak
from prompts.spare_time import CallPauses
from prompts.voices import Voice
from prompts.voices.process import VoiceError, VoicePool

_LOOK_S = 0.1
"""Callers hear their first prompts later while a voice speaks, at whatever priority."""


class PausingVoices:
    """Voices that are held at once when `busy` is true, and silent while it stays so. What a pause interrupts is spoken
    again after it."""

    def __init__(self, pool: VoicePool, busy: Callable[[], bool], paused: Callable[[bool], object]) -> None:
        """Args:
        busy: Whether a call is up; called from a thread of its own.
        paused: Called when a pause begins (True) and when it is over.
        """
        self._pool, self._paused = pool, paused
        self._pauses = CallPauses(busy, pool.suspend, pool.interrupt, pool.resume, _LOOK_S)
        self.paused_s = 0.0  # in all

    def __enter__(self) -> PausingVoices:
        self._pauses.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pauses.__exit__(kind, error, at)

    def speak(self, voice: Voice, text: str) -> Sound:
        """Return a text in a voice.

        Raises:
            VoiceError, AudioError: The voice failed.
        """
        while True:
            if not self._pauses.quiet.is_set():
                began = time.monotonic()
                self._paused(True)
                self._pauses.quiet.wait()
                self._paused(False)
                self.paused_s += time.monotonic() - began
            count = self._pauses.count
            try:
                return speak(self._pool, voice, text)
            except VoiceError:
                if count == self._pauses.count:
                    raise
