"""The audio of a prompt: its own, or another language's if that is missing or broken on disk."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from prompts import manifest
from prompts.manifest import Audio, Manifest

log = structlog.get_logger()

Clip = tuple[str, str]
"""Language and prompt id."""

PAUSE: Clip = ("", "pause")
"""The silence between two clips; `with_pauses` puts it there."""
SHORT_PAUSE: Clip = ("", "short_pause")
"""The silence between an option and its key."""
LONG_PAUSE: Clip = ("", "long_pause")
"""The silence after a group of digits that the caller writes down."""
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


@dataclass(frozen=True, slots=True)
class Media:
    """Clips as one playback: in Asterisk's notation, and its duration in seconds, pauses included.

    `uris` is empty if no clip has audio; `missing` are the clips that have none.
    """

    uris: tuple[str, ...]
    seconds: float
    missing: tuple[Clip, ...] = ()

    def __str__(self) -> str:
        return ",".join(self.uris)


SIGNS = {
    PAUSE: Heard(manifest.PAUSE, manifest.PAUSE_S, ""),
    SHORT_PAUSE: Heard(manifest.SHORT_PAUSE, manifest.SHORT_PAUSE_S, ""),
    LONG_PAUSE: Heard(manifest.LONG_PAUSE, manifest.LONG_PAUSE_S, ""),
    BEEP: Heard(manifest.BEEP, manifest.BEEP_S, ""),
}
"""The sounds that belong to no language."""


_KEYS = ("key_", "press_")
"""How the ids of texts begin that name a key."""


def with_pauses(clips: Iterable[Clip]) -> list[Clip]:
    """Return the clips with a pause between every two that are spoken: voices and recordings end without silence.

    It is `PAUSE`, or `SHORT_PAUSE` between an option and its key.
    """
    joined: list[Clip] = []
    for clip in clips:
        if joined and clip not in SIGNS and joined[-1] not in SIGNS:
            joined.append(SHORT_PAUSE if clip[1].startswith(_KEYS) else PAUSE)
        joined.append(clip)
    return joined


class Audible:
    """Finds the playable audio of clips.

    `sounds`: the folder of audio; `chain(language)`: the languages that replace one, best first.
    """

    def __init__(self, sounds: Path, chain: Callable[[str], tuple[str, ...]]) -> None:
        self._sounds, self._chain = sounds, chain
        self._trusted: dict[str, float] = {}  # file to the monotonic time until which it counts as complete
        self._reported: set[str] = set()

    def find(self, heard: Manifest, clip: Clip) -> Heard | None:
        """Return the audio of a clip, None if no language has it; it is logged once when it is lost or breaks."""
        if clip in SIGNS:
            return SIGNS[clip]
        language, prompt = clip
        for candidate in (language, *self._chain(language)):
            audio = heard.audio(candidate, prompt)
            if audio is not None and self._is_complete(audio):
                if candidate != language:
                    self._report(f"{language}/{prompt}", f"played in {candidate}")
                else:
                    self._reported.discard(f"{language}/{prompt}")  # if it breaks again, that is news
                return Heard(audio.file, audio.seconds, candidate)
        self._report(f"{language}/{prompt}", "not played")
        return None

    def media(self, heard: Manifest, clips: Sequence[Clip]) -> Media:
        """Return the clips as one playback, with pauses between them; those without audio are left out."""
        found = {clip: audio for clip in clips if (audio := self.find(heard, clip)) is not None}
        audible = with_pauses(clip for clip in clips if clip in found)
        sounds = [found.get(clip) or SIGNS[clip] for clip in audible]
        return Media(
            tuple(f"sound:{sound.file}" for sound in sounds),
            sum(sound.seconds for sound in sounds),
            tuple(clip for clip in clips if clip not in found),
        )

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
