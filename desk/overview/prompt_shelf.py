"""The site's prompts as callers hear them: read from its files and the list of audio, and kept until one changes."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prompts import build_report, catalogue, manifest, site_files, vowels
from prompts.manifest import RECORDING, Audio

if TYPE_CHECKING:
    from prompts.prompt_states import PromptState

OUTDATED, ANY = "outdated", "any"
"""Filters besides the states themselves: whatever needs somebody; everything."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """All prompts. `on`: the languages that callers can choose; `folded`: what is searched, in the same order."""

    rows: Sequence["PromptState"] = ()
    folded: Sequence[str] = ()
    languages: Sequence[str] = ()
    on: frozenset[str] = frozenset()

    @property
    def sources(self) -> list[str]:
        """Return the voices in use, and recordings."""
        found = {row.audio.source for row in self.rows if row.audio is not None}
        return sorted(found, key=lambda source: (source != RECORDING, source))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which prompts are asked for; empty: all. `state`: one of `State`, or `OUTDATED`."""

    language: str = ""
    state: str = ""
    source: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The prompts that were found. `counts`: how many there are of each state, whatever state is asked for."""

    rows: Sequence["PromptState"]
    counts: Counter[str] = field(default_factory=Counter)


def find(shelf: Shelf, asked: Asked) -> Found:
    """Return the prompts that are asked for. In a language that is off, a missing prompt does not need anybody."""
    words = folded(asked.words).split()
    counts: Counter[str] = Counter()
    rows = []
    for row, text in zip(shelf.rows, shelf.folded, strict=True):
        if asked.language and row.language != asked.language:
            continue
        if asked.source and (row.audio is None or row.audio.source != asked.source):
            continue
        if not all(word in text for word in words):
            continue
        states = {state.value for state in row.states}
        states |= {OUTDATED} if states and row.language in shelf.on else set()
        counts.update((*states, ANY))
        if not asked.state or asked.state in states:
            rows.append(row)
    return Found(rows, counts)


def folded(text: str) -> str:
    """Return a text as it is searched: small letters, without vowel signs."""
    return vowels.bare(text).casefold()


class PromptShelf:
    """The prompts of one site; `home` has the audio. Without a site it is empty."""

    def __init__(self, site: Path | None, home: Path | None, languages: Sequence[str]) -> None:
        self._site, self._languages = site, languages
        self._sounds = home / "sounds" if home is not None else None
        self._kept: tuple[object, Shelf] | None = None
        self._reading = asyncio.Lock()

    async def read(self) -> Shelf:
        """Return all prompts, as the files are now."""
        if self._site is None or self._sounds is None:
            return Shelf()
        async with self._reading:
            stamps = await asyncio.to_thread(_stamps, self._site, self._sounds)
            if self._kept is None or self._kept[0] != stamps:
                loaded = await asyncio.to_thread(_load, self._site, self._sounds, self._languages)
                self._kept = (stamps, loaded)
            return self._kept[1]

    async def wav(self, language: str, prompt: str) -> bytes | None:
        """Return the audio that callers hear as a WAV file; None if there is none."""
        if self._sounds is None:
            return None
        return await asyncio.to_thread(_wav, self._sounds, language, prompt)


def _wav(sounds: Path, language: str, prompt: str) -> bytes | None:
    from prompts.telephone_wav import telephone_wav  # loads numpy, which other pages do not need

    audio: Audio | None = manifest.load_if_any(sounds / manifest.FILE).audio(language, prompt)
    try:
        return telephone_wav(manifest.paths(sounds, audio.file)[0]) if audio is not None else None
    except OSError:
        return None


def _load(site: Path, sounds: Path, on: Sequence[str]) -> Shelf:
    from prompts.build_report import load_problems
    from prompts.prompt_states import prompt_states, text_faults  # loads numpy, which other pages do not need

    texts, _ = catalogue.examine(site)
    if texts is None:
        return Shelf()
    heard = manifest.load_if_any(sounds / manifest.FILE)
    languages = [*on, *(language for language in texts.languages if language not in on)]
    faults = text_faults(texts)
    rows = [*prompt_states(texts, heard, languages, sounds, faults=faults, failed=load_problems(sounds))]
    return Shelf(rows, [folded(f"{row.id} {row.text}") for row in rows], languages, frozenset(on))


def _stamps(site: Path, sounds: Path) -> tuple[object, ...]:
    """Return what changes when one of the files does."""
    paths = [
        *sorted((site / "guide").glob("*.yaml")),
        *sorted(site.glob("locale/*/LC_MESSAGES/hatif.po")),
        site / "flow.yaml",
        site / "texts.yaml",
        sounds / manifest.FILE,
        sounds / build_report.FILE,
    ]
    return site_files.stamps(paths)
