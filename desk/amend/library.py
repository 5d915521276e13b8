"""The guide's texts in all languages, as they are written and spoken, with how long each lasts.

Read from the site's files and the list of audio, here and not in the controller: seven catalogues take a second of the
processor, and the controller has callers.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prompts import catalogue, lengths, manifest, site_files, sources
from prompts.catalogue import SOURCE, Catalogues
from prompts.manifest import Audio, Manifest

FIELDS = sources.GUIDE_FIELDS
_PART = re.compile(r"(?P<field>[a-z_]+?)(?:_(?P<part>[0-9]))?")
_REMARK = re.compile(r"remark_(?P<country>[a-z]{2})(?:_(?P<part>[0-9]))?")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in one language.

    `seconds`: how long it lasts, `measured` in its audio or estimated. `state`: empty, or why it needs somebody:
    `missing`, `draft`, `behind` (it translates an earlier English text).
    """

    language: str
    text: str
    seconds: float
    measured: bool
    state: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """One text of a procedure, in all languages of the site."""

    id: str
    field: str
    country: str | None
    part: int | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class _Shelf:
    texts: Catalogues | None
    written: sources.Sources
    heard: Manifest
    seconds: Mapping[tuple[str, str], lengths.Length]


_EMPTY = _Shelf(None, {}, Manifest({}), {})


class Library:
    """The texts of one site; `home` has the audio. Without a site it is empty."""

    def __init__(self, site: Path | None, home: Path | None, languages: Sequence[str]) -> None:
        self._site, self._languages = site, languages
        self._sounds = home / "sounds" if home is not None else None
        self._read: tuple[object, _Shelf] | None = None
        self._reading = asyncio.Lock()

    async def procedures(self) -> dict[str, list[TextRow]]:
        """Return the texts of all procedures, by id, in the order of their files."""
        shelf = await self._shelf()
        found: dict[str, list[TextRow]] = {}
        for source in shelf.written.values():
            if source.file.parent.name == sources.GUIDE:
                found.setdefault(source.file.stem, []).append(self._row(shelf, source.file.stem, source.id))
        return {name: sorted(rows, key=_as_heard) for name, rows in sorted(found.items())}

    async def heard(self, rows: Sequence[TextRow]) -> dict[str, dict[str, str]]:
        """Return what callers hear of these texts, by id and language; empty where there is no audio."""
        heard = (await self._shelf()).heard
        return {row.id: {code: heard.text(code, row.id) or "" for code in self._languages} for row in rows}

    async def clip(self, language: str, text_id: str) -> tuple[Audio, Path] | None:
        """Return the audio that callers hear, and its file on the telephone; None if there is none."""
        shelf = await self._shelf()
        audio = shelf.heard.audio(language, text_id)
        if audio is None or self._sounds is None:
            return None
        return audio, manifest.paths(self._sounds, audio.file)[0]

    async def _shelf(self) -> _Shelf:
        if self._site is None:
            return _EMPTY
        async with self._reading:
            stamps = await asyncio.to_thread(_stamps, self._site, self._sounds)
            if self._read is None or self._read[0] != stamps:
                self._read = (stamps, await asyncio.to_thread(_load, self._site, self._sounds))
            return self._read[1]

    def _row(self, shelf: _Shelf, procedure: str, text_id: str) -> TextRow:
        rest = text_id.removeprefix(f"{sources.GUIDE}_{procedure}_")
        remark = _REMARK.fullmatch(rest)
        part = remark or _PART.fullmatch(rest)
        number = int(part["part"]) if part is not None and part["part"] else None
        return TextRow(
            id=text_id,
            field="remark" if remark is not None else part["field"] if part is not None else rest,
            country=remark["country"].upper() if remark is not None else None,
            part=number,
            cells=tuple(_cells(shelf, text_id, self._languages)),
        )


def _as_heard(row: TextRow) -> tuple[int, str, int]:
    """Sort as callers hear it: the remark comes after the documents."""
    order = (*FIELDS[:2], "remark", *FIELDS[2:])
    return order.index(row.field) if row.field in order else len(order), row.country or "", row.part or 0


def _cells(shelf: _Shelf, text_id: str, languages: Sequence[str]) -> Iterator[Cell]:
    english = shelf.written[text_id].text
    for language in languages:
        entry = shelf.texts.entry(language, text_id) if shelf.texts is not None else None
        length = shelf.seconds.get((language, text_id))
        state = ""
        if entry is None or not entry.text:
            state = "missing"
        elif entry.fuzzy:
            state = "draft"
        elif entry.source != english and language != SOURCE:
            state = "behind"
        text = entry.text if entry is not None else ""
        seconds = length.seconds if length is not None else lengths.estimate(text)
        yield Cell(language, text, seconds, length is not None and length.audio is not None, state)


def _load(site: Path, sounds: Path | None) -> _Shelf:
    texts, _ = catalogue.examine(site)
    written, _ = sources.examine(site)
    heard = manifest.load_if_any(sounds / manifest.FILE) if sounds is not None else Manifest({})
    seconds = {
        (language, length.id): length
        for language in (texts.languages if texts is not None else ())
        for length in (lengths.lengths(texts, heard, language) if texts is not None else ())
    }
    return _Shelf(texts, written, heard, seconds)


def _stamps(site: Path, sounds: Path | None) -> tuple[object, ...]:
    """Return what changes when one of the files does."""
    paths = [
        *sorted((site / sources.GUIDE).glob("*.yaml")),
        *sorted(site.glob("locale/*/LC_MESSAGES/hatif.po")),
        site / "flow.yaml",
        site / "texts.yaml",
        *([sounds / manifest.FILE] if sounds is not None else []),
    ]
    return site_files.stamps(paths)
