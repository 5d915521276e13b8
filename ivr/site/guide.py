"""The guide: information for callers about each procedure, step by step; one file per procedure in `guide/`.

This module knows which texts exist and where; the texts themselves are in the catalogues like all others.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import yaml
from pydantic import Field

from ivr.site.findings import Finding, SiteError
from ivr.site.wording import plain_word, written_as
from prompts import site_files
from prompts.sources import GUIDE_FIELDS, guide_part_ids, guide_text_id, is_id
from prompts.yaml_places import STRING, compose, refusal

FOLDER = "guide"
SERVICE_TEXTS = ("guide_notice", "guide_keys", "guide_keys_queue", "guide_noted", "guide_end")
"""The texts around the steps of any procedure."""

_LONGEST_ID = 22
"""Maximum length of a procedure's id; the id of its longest text then has 42 characters."""
_MOST_PARTS = 9
"""Maximum number of texts in a field."""
ProcedureId = Annotated[
    str, Field(max_length=_LONGEST_ID), written_as("[a-z][a-z0-9]*(_[a-z0-9]+)*", plain_word(_LONGEST_ID))
]

_TITLE, _DOCUMENTS, *_OTHERS = GUIDE_FIELDS
_ON_REQUEST = ("issuer", "legal_basis")
"""Fields that only callers hear who ask for the law."""
_STATUS, _REMARKS, _SOURCES = "status", "remarks", "sources"
_REQUIRED = (_STATUS, *(name for name in GUIDE_FIELDS if name != "issuer"), _REMARKS)
_FIELDS = (_STATUS, *GUIDE_FIELDS, _REMARKS, _SOURCES)
_AS_OF = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


class ProcedureStatus(StrEnum):
    """Whether a procedure's content is official."""

    SAMPLE = "sample"  # to be confirmed by the ministry
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class FactSource:
    """Where a fact is from. `as_of`: when it was known to be so, a year, month or day."""

    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure of the guide.

    Attributes:
        texts: The ids of the texts of each spoken field, in the order in which they are heard.
        remarks: The same for callers from a country, by its ISO code.
        sources: Where the facts of a field are from, by the field, or `remarks.FR`.
        file, line: Its definition.
    """

    id: str
    status: ProcedureStatus
    texts: Mapping[str, tuple[str, ...]]
    remarks: Mapping[str, tuple[str, ...]]
    file: str
    line: int
    sources: Mapping[str, FactSource] = field(default_factory=dict)

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries with a remark."""
        return tuple(self.remarks)

    @property
    def text_ids(self) -> tuple[str, ...]:
        return tuple(text for texts in (*self.texts.values(), *self.remarks.values()) for text in texts)

    def steps(self, country: str | None) -> tuple[tuple[str, str], ...]:
        """Return what a caller from `country` hears, in order: each step's name and its text's id.

        The documents come first, then the remark for the country.
        """
        names = [name for name in _OTHERS if name not in _ON_REQUEST]
        remark = ("remark", self.remarks.get(country or "", ()))
        return (
            *_named(_DOCUMENTS, self.texts[_DOCUMENTS]),
            *_named(*remark),
            *(step for name in names for step in _named(name, self.texts[name])),
        )

    @property
    def on_request(self) -> tuple[str, ...]:
        """The ids of the texts that callers hear who ask for the law; none if the file has none."""
        return tuple(text for name in _ON_REQUEST for text in self.texts.get(name, ()))


def _named(name: str, texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return a field's texts with a name for each: `fee`, or `fee_1` and so on if there are several."""
    return tuple(zip(guide_part_ids(name, None if len(texts) == 1 else len(texts)), texts, strict=True))


@dataclass(frozen=True, slots=True)
class Guide:
    """All procedures by id."""

    procedures: Mapping[str, Procedure]


class Offering(Protocol):
    """A node of the flow that offers procedures by their ids."""

    @property
    def procedures(self) -> tuple[str, ...]: ...


def title(procedure: str) -> str:
    """Return the id of the text that offers a procedure in a menu."""
    return guide_text_id(procedure, _TITLE)


def text_ids(guide: Guide) -> set[str]:
    """Return the ids of all texts of all procedures, without SERVICE_TEXTS."""
    return {text for procedure in guide.procedures.values() for text in procedure.text_ids}


def guide_problems(node: Offering, guide: Guide) -> list[str]:
    """Return one sentence for each procedure that the node offers and the guide does not have."""
    known = ", ".join(sorted(guide.procedures)) or "none"
    return [
        f"the guide has no procedure {procedure!r}; write {FOLDER}/{procedure}.yaml, or choose one of {known}."
        for procedure in node.procedures
        if procedure not in guide.procedures
    ]


def read(folder: Path) -> dict[str, str]:
    """Return the content of each file by name, for `parse`; empty if the folder does not exist.

    Raises:
        SiteError: A file or the folder cannot be read.
    """
    if not folder.exists():
        return {}
    texts: dict[str, str] = {}
    problems: list[Finding] = []

    def wrong(path: Path, line: int, what: str) -> None:
        problems.append(Finding.from_sentence("E_GUIDE_FILE", str(path), line, what))

    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        sentence = f"cannot be read ({error.strerror}); it must be a folder of .yaml files"
        raise SiteError(Finding.from_sentence("E_GUIDE_FILE", str(folder), 1, sentence)) from None
    for path in paths:
        if path.suffix == ".yml":
            wrong(path, 1, f"has the wrong extension; rename it to {path.stem}.yaml")
        if path.suffix != ".yaml":
            continue
        try:
            texts[path.name] = site_files.text(path)
        except OSError as error:
            wrong(path, 1, f"cannot be read ({error.strerror}); make it a readable file")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            wrong(path, line, "is not UTF-8; save the file as UTF-8")
    if problems:
        raise SiteError(*problems)
    return texts


def parse(texts: Mapping[str, str], where: Path | str = FOLDER, countries: Collection[str] | None = None) -> Guide:
    """Parse the files of a guide.

    Args:
        texts: Content by file name.
        where: The folder, for error messages.
        countries: The site's countries; None allows any.

    Raises:
        SiteError: There are mistakes; one line for each.
    """
    procedures: dict[str, Procedure] = {}
    problems: list[Finding] = []
    for name, text in sorted(texts.items()):
        file = _File(f"{where}/{name}", [])
        procedure = file.procedure(name.removesuffix(".yaml"), text, countries)
        if procedure is not None and not file.problems:
            procedures[procedure.id] = procedure
        problems += [Finding.from_sentence(code, file.name, line, what) for line, what, code in sorted(file.problems)]
    if problems:
        raise SiteError(*problems)
    return Guide(procedures)


@dataclass(frozen=True, slots=True)
class _File:
    """A file being parsed; `problems` collects its mistakes with their lines."""

    name: str
    problems: list[tuple[int, str, str]]

    def wrong(self, line: int, what: str, code: str = "E_GUIDE_FIELD") -> None:
        self.problems.append((line, what, code))

    def procedure(self, identity: str, text: str, countries: Collection[str] | None) -> Procedure | None:
        if not is_id(identity) or len(identity) > _LONGEST_ID:
            self.wrong(
                1,
                f"{identity!r} is not a procedure id; name the file with lower-case letters, digits and _ in between, "
                f"at most {_LONGEST_ID}",
            )
        try:
            top = compose(text)
        except yaml.YAMLError as error:
            self.wrong(*refusal(error, text), code="E_GUIDE_FILE")
            return None
        if not isinstance(top, yaml.MappingNode):
            self.wrong(1, f"is not a mapping; write the fields {', '.join(_FIELDS)}")
            return None
        values = self._names(top)
        for name in _REQUIRED:
            if name not in values:
                self.wrong(1, f"{name} is missing; add it")
        texts: dict[str, tuple[str, ...]] = {}
        for name, (line, value) in values.items():
            if name not in _FIELDS:
                self.wrong(line, f"{name!r} is not a field of the guide; its fields are {', '.join(_FIELDS)}")
            elif name in GUIDE_FIELDS:
                texts[name] = self._texts(name, guide_text_id(identity, name), line, value)
        status = self._status(*values[_STATUS]) if _STATUS in values else None
        remarks = self._remarks(identity, *values[_REMARKS], countries) if _REMARKS in values else {}
        facts = {*texts, *(f"{_REMARKS}.{country}" for country in remarks)} - {_TITLE}
        sources = self._sources(*values[_SOURCES], facts) if _SOURCES in values else {}
        if status is None:
            return None
        line = values[_TITLE][0] if _TITLE in values else 1
        return Procedure(identity, status, texts, remarks, self.name, line, sources)

    def _status(self, line: int, value: yaml.Node) -> ProcedureStatus | None:
        found = value.value if isinstance(value, yaml.ScalarNode) else "a list"
        if found in list(ProcedureStatus):
            return ProcedureStatus(found)
        self.wrong(line, f"status is {found or 'empty'}; write {' or '.join(ProcedureStatus)}")
        return None

    def _remarks(
        self, identity: str, line: int, value: yaml.Node, countries: Collection[str] | None
    ) -> dict[str, tuple[str, ...]]:
        if not isinstance(value, yaml.MappingNode) or not value.value:
            self.wrong(line, "remarks has no country; write at least one, such as FR: and its remark")
            return {}
        remarks: dict[str, tuple[str, ...]] = {}
        for country, (at, text) in self._names(value).items():
            if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
                self.wrong(at, f"{country!r} is not a country; write its ISO code of two capital letters, such as FR")
            elif countries is not None and country not in countries:
                self.wrong(
                    at, f"the country {country!r} is not one of the site's: {', '.join(sorted(countries))}; choose one"
                )
            text_id = guide_text_id(identity, "remark", country)
            remarks[country] = self._texts(f"{_REMARKS}.{country}", text_id, at, text)
        return remarks

    def _sources(self, line: int, value: yaml.Node, facts: Collection[str]) -> dict[str, FactSource]:
        if not isinstance(value, yaml.MappingNode):
            self.wrong(line, "sources is not a mapping; write the field, and its source and as_of")
            return {}
        sources: dict[str, FactSource] = {}
        for name, (at, found) in self._names(value).items():
            if name not in facts:
                choices = ", ".join(sorted(facts))
                self.wrong(at, f"{name!r} in sources is not a field with a fact of this file; write one of {choices}")
            parts = self._names(found) if isinstance(found, yaml.MappingNode) else {}
            texts = {part: node.value for part, (_, node) in parts.items() if isinstance(node, yaml.ScalarNode)}
            if set(parts) != {"source", "as_of"} or not all(text.strip() for text in texts.values()) or len(texts) < 2:
                self.wrong(at, f"the source of {name} is incomplete; write {{source: NAME, as_of: 2026-11}}")
            elif not _AS_OF.fullmatch(texts["as_of"]):
                self.wrong(at, f"as_of of {name} is {texts['as_of'][:40]}; write a year, month or day, such as 2026-11")
            else:
                sources[name] = FactSource(" ".join(texts["source"].split()), texts["as_of"])
        return sources

    def _texts(self, name: str, text_id: str, line: int, value: yaml.Node) -> tuple[str, ...]:
        """Check one text, or a list of texts, of a field, and return their ids."""
        if not isinstance(value, yaml.SequenceNode) or name == _TITLE:
            self._text(name, line, value)
            return guide_part_ids(text_id, None)
        parts = value.value
        if not 1 <= len(parts) <= _MOST_PARTS:
            self.wrong(line, f"{name} has {len(parts)} texts; write 1 to {_MOST_PARTS}")
        for number, part in enumerate(parts, start=1):
            self._text(f"{name}, text {number},", part.start_mark.line + 1, part)
        return guide_part_ids(text_id, len(parts))

    def _text(self, name: str, line: int, value: yaml.Node) -> None:
        if not isinstance(value, yaml.ScalarNode):
            self.wrong(line, f"{name} is not a text; write one text, in words")
        elif not value.value.strip() or value.value in ("~", "null"):
            self.wrong(line, f"{name} is empty; write its English text")
        elif value.tag != STRING:
            self.wrong(line, f"{name} is {value.value!r}, which YAML does not read as a string; write it out in words")

    def _names(self, node: yaml.MappingNode) -> dict[str, tuple[int, yaml.Node]]:
        """Return the content of a mapping: name, its line, its value. Of duplicate names, the first counts."""
        found: dict[str, tuple[int, yaml.Node]] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(line, "a name is a list; write a word and a colon")
            elif key.value in found:
                self.wrong(line, f"{key.value!r} occurs twice; remove one")
            else:
                found[key.value] = line, value
                if key.tag != STRING:
                    self.wrong(line, f'YAML does not read {key.value} as a name; write it as "{key.value}"')
        return found
