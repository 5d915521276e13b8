"""The recording script for a studio: every text of a language with notes for the speaker, as HTML or CSV."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError
from jinja2 import Environment, PackageLoader, StrictUndefined

from prompts import sources
from prompts.catalogue import CatalogueError, Catalogues
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.sources import Source

_OPTION = ","
"""The end of an option's English text; a key follows it."""
_CLAUSE = ("To ", "For ", "If ")
"""The beginning of an option that "press one" follows; after a few words comes "one" alone."""
_KEYS = r"(press|key)_\d"
_DAYS = r"opens_(?:today|tomorrow|\w+day)"
_JOINED = (
    (r"opens_again", _DAYS),
    (rf"{_DAYS}|in_month_\d+", r"at_\d{4}"),
    (r"opens_again|case_expected", r"on_day_\d+"),
    (r"on_day_\d+", r"in_month_\d+"),
    (r"reference_is|callback_number_is|digit_\d", r"digit_\d"),
    (r"case_missing|missing_\w+", r"missing_\w+"),
)
"""Texts that are heard as one sentence: ids of the first part, ids of the next."""
_NOTHING = Manifest({})
COLUMNS = ("number", "file", "id", "text", "before", "after", "notes", "english", "group")
"""Of the script as a table: fields of `Line`."""
_TEMPLATES = Environment(
    loader=PackageLoader("prompts"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class Line:
    """One text to record."""

    number: int  # position among all texts of the language, the same in every script
    id: str
    file: str  # the file that the studio delivers
    text: str
    english: str
    before: str  # an example of what precedes it in the same sentence, or empty
    after: str
    notes: str  # in English
    group: str  # the file that contains the text


@dataclass(frozen=True, slots=True)
class Script:
    """The texts to record in a language."""

    language: str
    lines: tuple[Line, ...]
    texts: int  # total of the language
    untranslated: tuple[str, ...]  # ids without a released translation


def script(
    site: Path, texts: Catalogues, language: str, *, missing: bool = False, heard: Manifest = _NOTHING
) -> Script:
    """Return the recording script of a language.

    Args:
        missing: Only texts that have no recording, or, according to `heard`, a recording of an earlier text.
        heard: The manifest of the current audio.

    Raises:
        CatalogueError: There is no such language.
    """
    if language not in texts.languages:
        known = ", ".join(texts.languages)
        raise CatalogueError(f"{texts.file(language)}: no such catalogue; choose one of {known}")
    written = sources.load(site)
    spoken = {prompt: text for prompt in texts.ids if (text := texts.text(language, prompt))}
    joins = _Joins(texts.ids, written)
    lines = []
    for number, (prompt, text) in enumerate(spoken.items(), start=1):
        recorded = (site / "recordings" / language / f"{prompt}.wav").is_file()
        if missing and recorded and not _is_outdated(heard.audio(language, prompt), text):
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


def _is_outdated(audio: Audio | None, text: str) -> bool:
    """Return whether a recording speaks a different text."""
    return audio is not None and audio.source == RECORDING and audio.text != text


class _Joins:
    """Examples of what comes before and after a text."""

    def __init__(self, ids: Iterable[str], written: Mapping[str, Source]) -> None:
        self._ids = tuple(ids)
        self._options = {
            prompt: "press" if written[prompt].text.startswith(_CLAUSE) else "key"
            for prompt in self._ids
            if prompt in written and written[prompt].text.endswith(_OPTION)
        }

    def around(self, prompt: str) -> tuple[str | None, str | None]:
        """Return the ids of an example before it and an example after it."""
        before = self._first(first for first, then in _JOINED if re.fullmatch(then, prompt))
        after = self._first(then for first, then in _JOINED if re.fullmatch(first, prompt))
        if prompt in self._options:
            after = self._first([rf"{self._options[prompt]}_[1-9]"])
        elif (key := re.fullmatch(_KEYS, prompt)) is not None:
            fitting = [option for option, kind in self._options.items() if kind == key[1]]
            before = next((option for option in fitting if option.startswith("main_")), next(iter(fitting), None))
        return before, after

    def _first(self, patterns: Iterable[str]) -> str | None:
        return next((prompt for pattern in patterns for prompt in self._ids if re.fullmatch(pattern, prompt)), None)


def _group(site: Path, source: Source | None) -> str:
    if source is None:
        return ""
    return source.file.relative_to(site).as_posix() if source.file.is_relative_to(site) else source.file.name


def letters(text: str) -> int:
    """Count the letters and digits of a text; Arabic vowel signs do not count."""
    return sum(unicodedata.category(letter)[0] in "LN" for letter in text)


def as_html(found: Script) -> bytes:
    """Return the script as a page for printing; it loads no other resources."""
    groups: dict[str, list[Line]] = {}
    for line in found.lines:
        groups.setdefault(line.group, []).append(line)
    name, direction = name_and_direction(found.language)
    template = _TEMPLATES.get_template("script.html.jinja")
    return template.render(script=found, groups=groups, name=name, direction=direction).encode()


def name_and_direction(language: str, written_in: str = "en") -> tuple[str, str]:
    """Return the name of a language, in English or another one, and the direction of its script."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return language, "auto"
    return locale.get_display_name(written_in) or language, locale.text_direction
