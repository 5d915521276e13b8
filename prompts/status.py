"""How far each language is: its texts, its recordings, and which voice speaks what since when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prompts.catalogue import Catalogues
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.voices.choice import Choice


@dataclass(frozen=True, slots=True)
class Speaking:
    """A voice in use: how many prompts it speaks, and the time since which the oldest of them is heard."""

    voice: str
    prompts: int
    since: datetime | None  # None: made by a builder that did not write it down


@dataclass(frozen=True, slots=True)
class LanguageStatus:
    """Counts of prompts of one language."""

    language: str
    texts: int
    translated: int  # released, and in order: what a voice may be given
    recorded: int
    synthesised: int
    stale: int  # heard with a text of before
    missing: int  # no audio
    names: int  # of operators, with audio; they are no texts
    voices: tuple[Speaking, ...]  # most used first
    voice: str | None  # who speaks what is new; None where only recordings may
    problem: str | None = None  # why the voice that is switched on does not


def of_languages(
    languages: Iterable[str], texts: Catalogues, heard: Manifest, chosen: Choice, recorded_only: Iterable[str]
) -> Iterator[LanguageStatus]:
    """In the order of `languages`."""
    wrong = {(each.language, each.id) for each in texts.problems() if each.code.startswith("E_")}
    voiceless = set(recorded_only)
    for language in languages:
        audio = {prompt: heard.audio(language, prompt) for prompt in texts.ids}
        there = [each for each in audio.values() if each]
        spoken = [each for each in there if each.source != RECORDING]
        spoken_texts = {prompt: texts.text(language, prompt) for prompt in texts.ids}
        missing = chosen.missing.get(language)
        yield LanguageStatus(
            language=language,
            texts=len(texts.ids),
            translated=sum(bool(text) and (language, prompt) not in wrong for prompt, text in spoken_texts.items()),
            recorded=len(there) - len(spoken),
            synthesised=len(spoken),
            stale=sum(each is not None and each.text != spoken_texts[prompt] for prompt, each in audio.items()),
            missing=len(audio) - len(there),
            names=len(heard.prompts.get(language, {}).keys() - audio.keys()),
            voices=_speaking(spoken),
            voice=None if language in voiceless else chosen.voice(language).source,
            problem=f"{chosen.named[language]}: {missing}" if missing else None,
        )


def _speaking(spoken: Iterable[Audio]) -> tuple[Speaking, ...]:
    by_voice: dict[str, list[Audio]] = defaultdict(list)
    for each in spoken:
        by_voice[each.source].append(each)
    found = [
        Speaking(voice, len(prompts), min((each.since for each in prompts if each.since), default=None))
        for voice, prompts in by_voice.items()
    ]
    return tuple(sorted(found, key=lambda each: -each.prompts))
