"""The texts of a site: one gettext catalogue per language, `locale/<language>/LC_MESSAGES/hatif.po`.

`msgctxt` is the prompt's id, `msgid` its English source, `msgstr` the spoken text. English has a catalogue too: it
defines which prompts exist, and if a msgstr is empty, its source is spoken. If the site's own files contain the sources
(`sources.py`), the English catalogue must agree with them. The .po files are read directly; nothing is compiled.
What a site lacks of the texts that node kinds got later comes with the program (`added_texts.py`).
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po

from prompts import added_texts, site_files, sources, spoken_words, text_rules
from prompts.sources import CatalogueError as CatalogueError
from prompts.sources import Sources

SOURCE = "en"
FILE = Path("LC_MESSAGES") / "hatif.po"

_UPDATE = "run `hatif prompts update`"

_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
# Babel silently truncates an unclosed string and takes the first of two msgstr: lines are checked before it reads them.
_STRING = r'"(?:[^"\\]|\\[ntr"\\])*"'
# Of a line without the spaces around it: two runs of spaces in one pattern would take hours over a line of a megabyte.
_LINE = re.compile(rf"(?:#.*|(?:(?P<keyword>msgctxt|msgid|msgstr)\s+)?(?P<string>{_STRING}))?")
_AFTER = {"msgctxt": ("", "msgstr"), "msgid": ("", "msgctxt", "msgstr"), "msgstr": ("msgid",)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One prompt in one language."""

    id: str
    source: str
    text: str  # the spoken text; empty if not translated
    line: int
    fuzzy: bool  # machine-made or outdated; not released by a person
    comes_with_program: bool = False  # the site has no text of its own


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with a text. If the code begins with E, the text cannot be spoken."""

    code: str
    file: Path
    line: int
    language: str
    id: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code} {self.id}: {self.found}; {self.remedy}"


class Catalogues:
    """All texts of a site, by language."""

    def __init__(self, locale: Path, entries: Mapping[str, Mapping[str, Entry]], written: Sources) -> None:
        """Args:
        written: The sources in the site's own files; if there are none, the English catalogue is not compared.
        """
        self._locale = locale
        self._entries = entries
        self._written = written

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of all languages that have a catalogue."""
        return tuple(self._entries)

    @property
    def program_texts(self) -> Mapping[str, tuple[str, ...]]:
        """The texts that come with the program since the site lacks them: their languages, by id."""
        found: dict[str, tuple[str, ...]] = {}
        for language, entries in self._entries.items():
            for entry in entries.values():
                if entry.comes_with_program:
                    found[entry.id] = (*found.get(entry.id, ()), language)
        return found

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all prompts, in the order of the English catalogue."""
        return tuple(prompt for prompt in self._entries[SOURCE] if not spoken_words.is_words(prompt))

    @cached_property
    def words_ids(self) -> tuple[str, ...]:
        """The ids of all texts that callers may say, which are no prompts."""
        return tuple(text for text in self._entries[SOURCE] if spoken_words.is_words(text))

    @cached_property
    def words(self) -> spoken_words.Words:
        """Words that callers may say, by language and id."""
        return {
            language: {
                words: ways for words in self.words_ids if (ways := spoken_words.ways(self.text(language, words) or ""))
            }
            for language in self.languages
        }

    def text(self, language: str, prompt: str) -> str | None:
        """Return the spoken text; None if it is missing, empty or not released (fuzzy)."""
        entry = self._entries.get(language, {}).get(prompt)
        return entry.text if entry and entry.text and not entry.fuzzy else None

    def entry(self, language: str, prompt: str) -> Entry | None:
        """Return the entry of a text in its catalogue, released or not."""
        return self._entries.get(language, {}).get(prompt)

    def file(self, language: str) -> Path:
        """Return the path of a language's catalogue."""
        return self._locale / language / FILE

    def problems(self) -> list[Problem]:
        """Return all problems: those of the sources first, then by language and line."""
        found = list(self._source_mismatches())
        for language, entries in self._entries.items():
            found += [self._missing(language, prompt) for prompt in self.ids if prompt not in entries]
            for entry in entries.values():
                if entry.comes_with_program:
                    continue
                found += [
                    Problem(
                        finding.code, self.file(language), entry.line, language, entry.id, finding.found, finding.remedy
                    )
                    for finding in self._findings(language, entry)
                ]
        return found

    def _source_mismatches(self) -> Iterator[Problem]:
        """Yield the texts whose English catalogue entry differs from the site's own files."""
        english = self._entries[SOURCE]
        for source in self._written.values():
            entry = english.get(source.id)
            if entry is not None and entry.comes_with_program:
                entry = None
            if entry is None or entry.source != source.text:
                what = "does not have this text" if entry is None else f"has: {entry.source}"
                found = f"the English catalogue {what}"
                remedy = f"{_UPDATE}, then translate the new texts"
                yield Problem("E_TEXT_SOURCE", source.file, source.line, SOURCE, source.id, found, remedy)

    def _missing(self, language: str, prompt: str) -> Problem:
        english = self._entries[SOURCE][prompt]
        remedy = f"copy the entry from {self.file(SOURCE)}, line {english.line}, and translate it"
        if english.comes_with_program:
            remedy = f"write it in texts.yaml, {_UPDATE}, then translate: {english.source}"
        return Problem("E_TEXT_MISSING", self.file(language), 1, language, prompt, "this text is missing", remedy)

    def _findings(self, language: str, entry: Entry) -> list[text_rules.Finding]:
        original = self._entries[SOURCE].get(entry.id)
        if original is None:
            remedy = "add it to the English catalogue or remove it here"
            return [text_rules.Finding("W_TEXT_UNKNOWN", "the English catalogue has no such prompt", remedy)]
        if spoken_words.is_words(entry.id):
            return self._words_findings(language, entry)
        if not entry.text:
            return [text_rules.Finding("E_TEXT_MISSING", "its msgstr is empty", f"translate: {entry.source}")]
        found = text_rules.findings(entry.text, language)
        if language == SOURCE and self._written and entry.id not in self._written:
            remedy = f"to remove it from all catalogues, {_UPDATE}"
            found.append(text_rules.Finding("W_TEXT_UNUSED", "the site's files do not have this text", remedy))
        if entry.fuzzy:
            remedy = f"have a person check the text, then remove the flag (`hatif prompts release {entry.id}`)"
            found.append(text_rules.Finding("E_TEXT_FUZZY", "it is marked fuzzy", remedy))
        if entry.source != original.source:
            remedy = f"check the translation against: {original.source}"
            found.append(text_rules.Finding("W_TEXT_STALE", "its msgid is not the current English text", remedy))
        if language != SOURCE and entry.text == original.source:
            remedy = "translate it"
            found.append(text_rules.Finding("E_TEXT_UNTRANSLATED", "it is the same as its English source", remedy))
        return found

    def _words_findings(self, language: str, entry: Entry) -> list[text_rules.Finding]:
        """Return the findings about words that callers may say; nobody is spoken to with them."""
        if language != SOURCE and (not entry.text or entry.fuzzy):
            if not self.words[language]:
                return []  # they have keys only, which nobody has to be told of each option
            found = "callers of this language cannot say this option"
            remedy = f"write how they would say it, several ways with commas between: {entry.source}"
            return [text_rules.Finding("W_SPEECH_WORDS", found, remedy)]
        if not spoken_words.ways(entry.text):
            return [text_rules.Finding("E_SPEECH_WORDS", "it has no words", "write some, with commas between the ways")]
        return []


def load(site: Path) -> Catalogues:
    """Return the catalogues of a site's folder.

    Raises:
        CatalogueError: A catalogue or a file of sources is missing or broken.
    """
    found, errors = examine(site)
    if found is None or errors:
        raise errors[0]
    return found


def examine(site: Path) -> tuple[Catalogues | None, list[CatalogueError]]:
    """Return the readable catalogues (None without the English one) and the errors of the others."""
    locale = site / "locale"
    written, errors = sources.examine(site)
    folders = sorted(path for path in locale.glob("*") if path.is_dir()) if locale.is_dir() else []
    if not (locale / SOURCE / FILE).is_file():
        missing = f"{locale / SOURCE / FILE}: no such file; it must define which prompts exist"
        return None, [CatalogueError(missing), *errors]
    entries: dict[str, dict[str, Entry]] = {}
    broken: list[CatalogueError] = []
    for folder in folders:
        try:
            if not _LANGUAGE.fullmatch(folder.name):
                raise CatalogueError(f"{folder}: {folder.name} is not a language code; name it like fr, zgh or pt_BR")
            entries[folder.name] = _read(folder / FILE, folder.name)
        except CatalogueError as error:
            broken.append(error)
    if SOURCE not in entries:
        return None, [*broken, *errors]
    _add_program_texts(entries)
    return Catalogues(locale, entries, written), [*broken, *errors]


def _add_program_texts(entries: Mapping[str, dict[str, Entry]]) -> None:
    """Add the program's texts that a site needs and lacks, in each language in which it lacks them.

    Where the site has an English text of its own, only its translations fit that.
    """
    english = entries[SOURCE]
    for text, added in added_texts.load().items():
        source = added.texts[SOURCE]
        if added.beside not in english or (text in english and english[text].source != source):
            continue
        for language, own in entries.items():
            if language in added.texts and (text not in own or not own[text].text):
                own[text] = Entry(text, source, added.texts[language], 1, fuzzy=False, comes_with_program=True)


def _read(file: Path, language: str) -> dict[str, Entry]:
    try:
        content = site_files.content(file)
    except OSError as error:
        remedy = "write this language's texts there, or remove the language's folder"
        raise CatalogueError(f"{file}: {error.strerror}; {remedy}") from None
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CatalogueError(f"{file}:{line}: this is not UTF-8; save the file as UTF-8") from None
    _check_lines(file, lines)
    try:
        messages = read_po(io.StringIO("\n".join(lines)), abort_invalid=True)
    except (PoFileError, ValueError) as error:
        line = getattr(error, "lineno", 0) + 1
        raise CatalogueError(f"{file}:{line}: {error}; correct it, or open the file with Poedit") from None
    if messages.locale_identifier not in (None, language):
        found = f"its header has Language: {messages.locale_identifier}, but its folder is {language}"
        raise CatalogueError(f"{file}:1: {found}; correct the one that is wrong")
    entries: dict[str, Entry] = {}
    for message in messages:
        if not message.id:  # the header
            continue
        line = message.lineno or 1
        if not message.context:
            raise CatalogueError(f'{file}:{line}: this text has no id; add msgctxt "its_id" above it')
        # _check_lines rejects plurals, which would be lists.
        source = str(message.id)
        text = unicodedata.normalize("NFC", str(message.string or (source if language == SOURCE else "")))
        entries[message.context] = Entry(message.context, source, text, line, message.fuzzy)
    return entries


def _check_lines(file: Path, lines: list[str]) -> None:
    """Raise CatalogueError for the first line that Babel would misread."""
    seen: dict[str, int] = {}
    before = ""
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line.strip())
        if not match:
            remedy = 'write a comment, or msgctxt, msgid or msgstr with a text between two "'
            raise CatalogueError(f"{file}:{number}: {line.strip()[:60]} is not a valid catalogue line; {remedy}")
        keyword = match["keyword"]
        if not keyword:
            continue
        if before not in _AFTER[keyword]:
            found = f"{keyword} after {before}" if before else f"{keyword} at the beginning"
            raise CatalogueError(f"{file}:{number}: {found}; each text needs msgctxt, msgid, msgstr in this order")
        before = keyword
        if keyword == "msgctxt":
            prompt = match["string"][1:-1]
            if not sources.is_id(prompt):
                raise CatalogueError(f"{file}:{number}: {prompt[:60]} is not a prompt id; name it like main_file")
            if prompt in seen:
                raise CatalogueError(f"{file}:{number}: {prompt} is defined twice (line {seen[prompt]}); remove one")
            seen[prompt] = number
    if before not in ("", "msgstr"):
        raise CatalogueError(f"{file}:{len(lines)}: the file ends after {before}; restore its end")
