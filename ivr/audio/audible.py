"""The audio of a prompt: its own, or another language's if that is missing or broken on disk."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from prompts import manifest
from prompts.manifest import Audio, Manifest

log = structlog.get_logger()

Clip = tuple[str, str]
"""Language and prompt id."""

PAUSE: Clip = ("", "pause")
"""A short silence, for example between the groups of a number."""
BEEP: Clip = ("", "beep")
"""The tone after which a caller speaks."""

_TRUSTED_S = 1.0
"""Seconds for which a file that was found complete is not checked again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The file for Asterisk, its duration in seconds, and its language."""

    file: str
    seconds: float
    language: str


SIGNS = {PAUSE: Heard(manifest.PAUSE, manifest.PAUSE_S, ""), BEEP: Heard(manifest.BEEP, manifest.BEEP_S, "")}


class Audible:
    """Finds the playable audio of clips.

    `sounds`: the folder of audio; `chain(language)`: the languages that replace one, best first.
    """

    def __init__(self, sounds: Path, chain: Callable[[str], tuple[str, ...]]) -> None:
        self._sounds, self._chain = sounds, chain
        self._trusted: dict[str, float] = {}  # file to the monotonic time until which it counts as complete
        self._reported: set[str] = set()

    def find(self, heard: Manifest, clip: Clip) -> Heard | None:
        """Return the audio of a clip, None if no language has it; missing or broken audio is logged once."""
        if clip in SIGNS:
            return SIGNS[clip]
        language, prompt = clip
        for candidate in (language, *self._chain(language)):
            audio = heard.audio(candidate, prompt)
            if audio is not None and self._is_complete(audio):
                if candidate != language:
                    self._report(f"{language}/{prompt}", f"played in {candidate}")
                return Heard(audio.file, audio.seconds, candidate)
        self._report(f"{language}/{prompt}", "not played")
        return None

    def _report(self, prompt: str, instead: str) -> None:
        if prompt not in self._reported:
            self._reported.add(prompt)
            log.error("Audio is missing or broken; run `hatif prompts build`", prompt=prompt, instead=instead)

    def _is_complete(self, audio: Audio) -> bool:
        now = time.monotonic()
        if self._trusted.get(audio.file, 0.0) > now:
            return True
        for path in manifest.paths(self._sounds, audio.file):
            try:
                size = path.stat().st_size
            except OSError:
                return False
            if size != manifest.size(path, audio.seconds):
                return False
        self._trusted[audio.file] = now + _TRUSTED_S
        return True
