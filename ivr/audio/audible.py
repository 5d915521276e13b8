"""What is played for a prompt: its own audio, or another language's where that is missing or broken on the disk."""

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
"""A short silence, such as between the groups of a number."""
BEEP: Clip = ("", "beep")
"""The tone after which a caller speaks."""

_TRUSTED_S = 1.0
"""So long a file that was found whole is not looked at again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What Asterisk is told to play, how long that lasts, and in which language it is."""

    file: str
    seconds: float
    language: str


SIGNS = {PAUSE: Heard(manifest.PAUSE, manifest.PAUSE_S, ""), BEEP: Heard(manifest.BEEP, manifest.BEEP_S, "")}


class Audible:
    """`sounds`: the folder of audio; `chain(language)`: the languages that stand in for one, best first."""

    def __init__(self, sounds: Path, chain: Callable[[str], tuple[str, ...]]) -> None:
        self._sounds, self._chain = sounds, chain
        self._trusted: dict[str, float] = {}  # file to the monotonic instant until which it counts as whole
        self._reported: set[str] = set()

    def find(self, heard: Manifest, clip: Clip) -> Heard | None:
        """None if no language has it. Whatever is missing or broken is reported once, with what to do."""
        if clip in SIGNS:
            return SIGNS[clip]
        language, prompt = clip
        for each in (language, *self._chain(language)):
            audio = heard.audio(each, prompt)
            if audio is not None and self._whole(audio):
                if each != language:
                    self._report(f"{language}/{prompt}", f"the text in {each} is heard instead")
                return Heard(audio.file, audio.seconds, each)
        self._report(f"{language}/{prompt}", "nothing is heard in its place")
        return None

    def _report(self, what: str, instead: str) -> None:
        if what not in self._reported:
            self._reported.add(what)
            log.error("Audio is missing or broken; run `hatif prompts build`", prompt=what, instead=instead)

    def _whole(self, audio: Audio) -> bool:
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
