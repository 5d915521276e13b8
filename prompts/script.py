"""The sheet that a studio reads from: every text of a language with what a speaker has to know, as HTML or CSV."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError
from jinja2 import Environment, PackageLoader, StrictUndefined

from prompts import sources
from prompts.catalogue import CatalogueError, Catalogues
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.sources import Source

_OPTION = ","
"""How the English of an option ends; a key follows it."""
_KEYS = r"press_\d"
_DAYS = r"opens_(?:today|tomorrow|\w+day)"
_JOINED = (
    (r"opens_again", _DAYS),
    (rf"{_DAYS}|in_month_\d+", r"at_\d{4}"),
    (r"opens_again|case_expected", r"on_day_\d+"),
    (r"on_day_\d+", r"in_month_\d+"),
    (r"reference_is|callback_number_is|digit_\d", r"digit_\d"),
    (r"case_missing|missing_\w+", r"missing_\w+"),
)
"""Which texts are heard as one sentence: ids of the first part, ids of the next."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would calculate."""
_NOTHING = Manifest({})
_COLUMNS = ("number", "file", "id", "text", "before", "after", "notes", "english", "group")
_TEMPLATES = Environment(
    loader=PackageLoader("prompts"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class Line:
    """One text to be read aloud."""

    number: int  # its place among all texts of the language, the same in every sheet
    id: str
    file: str  # what the studio delivers
    text: str
    english: str
    before: str  # what a caller may hear directly before it in the same sentence, or nothing
    after: str
    notes: str  # in English
    group: str  # the file that the text is written in


@dataclass(frozen=True, slots=True)
class Script:
    """All that is to be recorded in a language."""

    language: str
    lines: tuple[Line, ...]
    texts: int  # how many the language has in all
    untranslated: tuple[str, ...]  # ids that nobody can read yet


def script(
    site: Path, texts: Catalogues, language: str, *, missing: bool = False, heard: Manifest = _NOTHING
) -> Script:
    """The sheet of a language; `missing`: only what has no recording, or by `heard` one of an earlier text.

    CatalogueError: there is no such language.
    """
    if language not in texts.languages:
        known = ", ".join(texts.languages)
        raise CatalogueError(f"{texts.file(language)}: there is no such catalogue; choose one of {known}")
    written = sources.load(site)
    spoken = {prompt: text for prompt in texts.ids if (text := texts.text(language, prompt))}
    joins = _Joins(texts.ids, written)
    lines = []
    for number, (prompt, text) in enumerate(spoken.items(), start=1):
        recorded = (site / "recordings" / language / f"{prompt}.wav").is_file()
        if missing and recorded and not _changed(heard.audio(language, prompt), text):
            continue
        source = written.get(prompt)
        before, after = (spoken.get(other, "") if other else "" for other in joins.around(prompt))
        lines.append(
            Line(
                number=number,
                id=prompt,
                file=f"{language}/{prompt}.wav",
                text=text,
                english=source.text if source else texts.text("en", prompt) or "",
                before=before,
                after=after,
                notes=source.comment if source else "",
                group=_group(site, source),
            )
        )
    untranslated = tuple(prompt for prompt in texts.ids if prompt not in spoken)
    return Script(language, tuple(lines), len(texts.ids), untranslated)


def _changed(audio: Audio | None, text: str) -> bool:
    """Whether a recording says another text."""
    return audio is not None and audio.source == RECORDING and audio.text != text


class _Joins:
    """What comes before and after a text, by an example of each."""

    def __init__(self, ids: Iterable[str], written: Mapping[str, Source]) -> None:
        self._ids = tuple(ids)
        self._options = [each for each in self._ids if each in written and written[each].text.endswith(_OPTION)]

    def around(self, prompt: str) -> tuple[str | None, str | None]:
        """The ids of an example before it and of one after it."""
        before = self._first(first for first, then in _JOINED if re.fullmatch(then, prompt))
        after = self._first(then for first, then in _JOINED if re.fullmatch(first, prompt))
        if prompt in self._options:
            after = self._first([_KEYS.replace(r"\d", "[1-9]")])
        elif re.fullmatch(_KEYS, prompt):
            before = next((each for each in self._options if each.startswith("main_")), None) or next(
                iter(self._options), None
            )
        return before, after

    def _first(self, patterns: Iterable[str]) -> str | None:
        return next((each for pattern in patterns for each in self._ids if re.fullmatch(pattern, each)), None)


def _group(site: Path, source: Source | None) -> str:
    if source is None:
        return ""
    return source.file.relative_to(site).as_posix() if source.file.is_relative_to(site) else source.file.name


def letters(text: str) -> int:
    """Letters and digits of a text; an Arabic vowel sign is none."""
    return sum(unicodedata.category(each)[0] in "LN" for each in text)


def as_csv(found: Script) -> bytes:
    """UTF-8 with a mark that spreadsheets know it by; a cell that one would calculate begins with an apostrophe."""
    rows = [tuple(getattr(line, column) for column in _COLUMNS) for line in found.lines]
    return csv_bytes(_COLUMNS, rows)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table for spreadsheets (see `as_csv`)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_harmless(str(cell)) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def as_html(found: Script) -> bytes:
    """A page to be printed; it loads nothing."""
    groups: dict[str, list[Line]] = {}
    for line in found.lines:
        groups.setdefault(line.group, []).append(line)
    name, direction = _name(found.language)
    template = _TEMPLATES.get_template("script.html.jinja")
    return template.render(script=found, groups=groups, name=name, direction=direction).encode()


def _name(language: str) -> tuple[str, str]:
    """What a language is called, in English, and in which direction it is written."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return language, "auto"
    return locale.get_display_name("en") or language, locale.text_direction
