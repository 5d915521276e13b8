"""Status of each language: its texts, its recordings, and the voices in use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prompts.catalogue import Catalogues
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.prompt_states import State, prompt_states, text_faults
from prompts.voices import voice_of
from prompts.voices.choice import Choice


@dataclass(frozen=True, slots=True)
class VoiceUse:
    """A voice in use: how many prompts it speaks, and when the oldest of them came into use."""

    voice: str
    prompts: int
    since: datetime | None  # None: built before this was recorded


@dataclass(frozen=True, slots=True)
class LanguageStatus:
    """Counts of the prompts of one language."""

    language: str
    texts: int
    translated: int  # released and without errors: a voice may speak them
    recorded: int
    synthesised: int
    stale: int  # the audio speaks an earlier text
    missing: int  # no audio
    names: int  # operators' names with audio; they are not among the texts
    voices: tuple[VoiceUse, ...]  # most used first
    voice: str | None  # speaks new texts; None if only recordings may
    problem: str | None = None  # why the configured voice is not used


def language_statuses(
    languages: Iterable[str], texts: Catalogues, heard: Manifest, chosen: Choice, recorded_only: Iterable[str]
) -> Iterator[LanguageStatus]:
    """Yield the status of each language, in the order of `languages`."""
    faults = text_faults(texts)
    voiceless = set(recorded_only)
    for language in languages:
        rows = [*prompt_states(texts, heard, [language], faults=faults)]
        of_texts = [row for row in rows if not row.is_name]
        existing = [row.audio for row in of_texts if row.audio is not None]
        spoken = [clip for clip in existing if clip.source != RECORDING]
        missing = chosen.missing.get(language)
        yield LanguageStatus(
            language=language,
            texts=len(texts.ids),
            translated=sum(row.is_released and State.FAULTY not in row.states for row in of_texts),
            recorded=len(existing) - len(spoken),
            synthesised=len(spoken),
            stale=sum(not {State.STALE, State.RECORDING_OLD}.isdisjoint(row.states) for row in of_texts),
            missing=len(of_texts) - len(existing),
            names=len(rows) - len(of_texts),
            voices=_voice_uses(spoken),
            voice=None if language in voiceless else _voice_of_new_texts(language, chosen, existing),
            problem=f"{chosen.named[language]}: {missing}" if missing else None,
        )


def _voice_of_new_texts(language: str, chosen: Choice, existing: Iterable[Audio]) -> str:
    voice = chosen.voice(language)
    if voice.slow and all(clip.source != voice.source for clip in existing):
        voice = voice_of(language)
    return voice.source


def _voice_uses(spoken: Iterable[Audio]) -> tuple[VoiceUse, ...]:
    by_voice: dict[str, list[Audio]] = defaultdict(list)
    for clip in spoken:
        by_voice[clip.source].append(clip)
    found = [
        VoiceUse(voice, len(prompts), min((clip.since for clip in prompts if clip.since), default=None))
        for voice, prompts in by_voice.items()
    ]
    return tuple(sorted(found, key=lambda use: -use.prompts))
