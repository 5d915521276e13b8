"""Make what slow voices say while calls go on: a language at a time, which switches to its voice once it is whole.

Each finished clip is kept at once, so a process that is killed loses the text that it was speaking, and nothing is done
twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from prompts.background_pause import PausingVoices
from prompts.clip_store import ClipStore
from prompts.manifest import Manifest
from prompts.progress import Doing, Progress
from prompts.slow_voices import SlowClip, SlowClips, speak_into
from prompts.voices.process import VoicePool

TIME_LIMIT = 600.0
"""Seconds that a voice may take for one text: at the lowest priority, on a machine that does much else."""
MOST_FAILURES = 3
"""After so many failures in a row the voice itself is broken."""
_GUIDE = "guide_"
_SMOOTHING = 0.9


def pending(clips: Mapping[Any, SlowClip], heard: Manifest) -> list[SlowClip]:
    """Return the clips that callers do not hear yet."""
    return [clip for clip in clips.values() if heard.file(*clip.key) != clip.file]


def in_order(clips: Iterable[SlowClip]) -> list[SlowClip]:
    """Return clips in the order in which they are made: menus before the guide, long texts first."""
    # A model's memory grows with the longest text so far: what it needs is known early.
    return sorted(clips, key=lambda clip: (clip.prompt.id.startswith(_GUIDE), -len(clip.prompt.text)))


class Background:
    """The work of one process."""

    def __init__(
        self,
        store: ClipStore,
        load: Callable[[], tuple[SlowClips, Manifest]],
        switch: Callable[[str], Sequence[str]],
        note: Callable[[Progress], None],
        busy: Callable[[], bool] = lambda: False,
        stays: Mapping[str, str] = MappingProxyType({}),
        time_limit: float = TIME_LIMIT,
    ) -> None:
        """Args:
        load: Returns what slow voices are to say, in the order of the languages, and what callers hear now.
        switch: Gives a language that is whole its slow voice; returns the reasons if it does not.
        note: Called with each progress.
        busy: Whether a call is up, for which the work pauses.
        stays: The languages whose voice cannot be had, with the reasons.
        time_limit: Seconds that a voice may take for one text.
        """
        self._store, self._load, self._switch, self._note_progress = store, load, switch, note
        self._busy, self._time_limit = busy, time_limit
        self._letters_s: float | None = None
        self.stays = dict(stays)

    def run(self) -> Mapping[str, str]:
        """Make everything; return the languages that keep their quick voice, with the reasons.

        Raises:
            OSError: The clips cannot be written.
        """
        with self._store.builder_lock(lambda: self._note(Doing.WAITING)):
            self._make_all()
        self._note(Doing.ENDED)
        return self.stays

    def _make_all(self) -> None:
        left: dict[str, set[str]] = {}  # what callers did not hear before the switch of a language
        refused: set[str] = set()
        while True:
            # Anew for each language: a site may change while another one is made.
            clips, heard = self._load()
            undone = {language: pending(of, heard) for language, of in clips.items() if language not in self.stays}
            language = next((language for language, waiting in undone.items() if waiting), None)
            if language is None:
                break
            lacking = [clip for clip in undone[language] if self._store.seconds(clip.name) is None]
            if lacking:
                self._make(language, len(clips[language]), in_order(lacking))
                continue
            unheard = {clip.name for clip in undone[language]}
            if left.get(language) == unheard:
                self.stays[language] = f"{len(unheard)} texts do not get their voice; see `hatif prompts build`"
                continue
            self._note(Doing.CHECKING, language, len(clips[language]), len(clips[language]))
            if reasons := self._switch(language):
                self.stays[language] = "; ".join(reasons)
                refused.add(language)
            else:
                left[language] = unheard
                # The limits are those of all languages together: what one saves, another may need.
                for other in refused:
                    del self.stays[other]
                refused.clear()
        for clip in (clip for of in clips.values() for clip in of.values()):
            self._store.note_use(clip.name)  # just before: the clock may have been set since this began
        self._store.prune()

    def _make(self, language: str, of: int, lacking: Sequence[SlowClip]) -> None:
        faults: list[str] = []
        failed = 0
        letters = sum(len(clip.prompt.text) for clip in lacking)
        done = of - len(lacking)

        def note(paused: bool) -> None:
            left_s = letters / self._letters_s if self._letters_s else None
            self._note(Doing.PAUSED if paused else Doing.SPEAKING, language, done, of, left_s)

        with VoicePool(self._time_limit) as pool, PausingVoices(pool, self._busy, note) as voices:
            for clip in lacking:
                note(False)
                began = time.monotonic() - voices.paused_s
                fault = speak_into(self._store, clip, voices.speak)
                letters, done = letters - len(clip.prompt.text), done + 1
                if fault is None:
                    self._learn(len(clip.prompt.text) / (time.monotonic() - voices.paused_s - began))
                    failed = 0
                    continue
                faults.append(fault)
                failed += 1
                if failed == MOST_FAILURES:
                    break
        if faults:
            self.stays[language] = "; ".join(faults)

    def _learn(self, letters_s: float) -> None:
        before = self._letters_s or letters_s
        self._letters_s = _SMOOTHING * before + (1 - _SMOOTHING) * letters_s

    def _note(
        self, doing: Doing, language: str | None = None, done: int = 0, of: int = 0, left_s: float | None = None
    ) -> None:
        self._note_progress(Progress(doing, language, done, of, self._letters_s, left_s, dict(self.stays)))
