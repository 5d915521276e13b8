"""Pauses of the background while calls are up, so that no caller hears anything later because of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from prompts.audio import Sound
from prompts.build import speak
from prompts.voices import Voice
from prompts.voices.process import VoiceError, VoicePool

LOOK_S = 0.5
"""Seconds between two looks for calls. A call must be up at two of them: those of the line to itself are shorter."""
QUIET_S = 3.0
"""Seconds without a call after which the work goes on."""


class PausingVoices:
    """Voices that are silent while `busy` is true. What a pause interrupts is spoken again after it."""

    def __init__(
        self, pool: VoicePool, busy: Callable[[], bool], paused: Callable[[bool], object], look_s: float = LOOK_S
    ) -> None:
        """Args:
        busy: Whether a call is up; called from a thread of its own.
        paused: Called when a pause begins (True) and when it is over.
        """
        self._pool, self._busy, self._paused, self._look_s = pool, busy, paused, look_s
        self._quiet = threading.Event()
        self._quiet.set()
        self._pauses = 0
        self.paused_s = 0.0  # in all
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="calls", daemon=True)

    def __enter__(self) -> PausingVoices:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._watcher.join()

    def speak(self, voice: Voice, text: str) -> Sound:
        """Return a text in a voice.

        Raises:
            VoiceError, AudioError: The voice failed.
        """
        while True:
            if not self._quiet.is_set():
                began = time.monotonic()
                self._paused(True)
                self._quiet.wait()
                self._paused(False)
                self.paused_s += time.monotonic() - began
            pauses = self._pauses
            try:
                return speak(self._pool, voice, text)
            except VoiceError:
                if pauses == self._pauses:
                    raise

    def _watch(self) -> None:
        try:
            self._look()
        finally:
            self._quiet.set()  # without a watcher, nobody else would

    def _look(self) -> None:
        seen, quiet_s = 0, 0.0
        while not self._over.wait(self._look_s):
            if self._busy():
                seen, quiet_s = seen + 1, 0.0
                if seen > 1:  # each time: a text may just have begun
                    self._pauses += 1
                    self._quiet.clear()
                    self._pool.interrupt()
            else:
                seen, quiet_s = 0, quiet_s + self._look_s
                if quiet_s >= QUIET_S:
                    self._quiet.set()
