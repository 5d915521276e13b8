"""How far each language with a slow voice is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prompts.background import pending
from prompts.clip_store import ClipStore
from prompts.manifest import Manifest
from prompts.progress import Doing, Progress
from prompts.slow_voices import SlowClips

_RUN = "it is made while `hatif up` runs, or by `hatif prompts build --background`"


@dataclass(frozen=True, slots=True)
class SlowStatus:
    """How far a language is. `state`: "in use", one of `Doing` while it is made, "queued", "stopped" or "quick"."""

    language: str
    voice: str
    made: int  # clips
    of: int
    state: str
    left_s: float | None = None  # until it is whole; None: it is, or nobody knows
    why: str | None = None


def slow_statuses(
    clips: SlowClips, heard: Manifest, store: ClipStore, progress: Progress | None
) -> Iterator[SlowStatus]:
    """Yield the state of each language, in the order in which they are made."""
    letters_s = progress.letters_s if progress else None
    letters = 0
    for language, wanted in clips.items():
        undone = pending(wanted, heard)
        lacking = [clip for clip in undone if store.seconds(clip.name) is None]
        letters += sum(len(clip.prompt.text) for clip in lacking)
        state, why = _state(language, bool(undone), progress)
        left_s = letters / letters_s if letters_s and lacking and why is None else None
        voice = next((clip.voice.source for clip in wanted.values()), "")
        yield SlowStatus(language, voice, len(wanted) - len(lacking), len(wanted), state, left_s, why)


def _state(language: str, undone: bool, progress: Progress | None) -> tuple[str, str | None]:
    if not undone:
        return "in use", None
    if progress is not None and language in progress.stays:
        return "quick", progress.stays[language]
    if progress is None or progress.doing is Doing.ENDED:
        return "stopped", _RUN
    if progress.doing is Doing.WAITING:
        return "waiting", "another checkout of this user makes clips; both share them"
    return (progress.doing.value if progress.language == language else "queued"), None
