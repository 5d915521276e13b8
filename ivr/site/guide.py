"""The guide: information for callers about each procedure, step by step; one file per procedure in `guide/`.

This module knows which texts exist and where; the texts themselves are in the catalogues like all others.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import yaml
from pydantic import Field

from ivr.site.findings import Finding, SiteError
from prompts import site_files
from prompts.sources import GUIDE_FIELDS, guide_ids, guide_text_id, is_id
from prompts.yaml_places import STRING, compose, refusal

FOLDER = "guide"
SERVICE_TEXTS = ("guide_notice", "guide_next", "guide_keys", "guide_end")
"""The texts around the steps of any procedure."""

_LONGEST_ID = 22
"""Maximum length of a procedure's id; the id of its longest text then has 40 characters."""
ProcedureId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=_LONGEST_ID)]

_TITLE, *_STEPS = GUIDE_FIELDS
_FIELDS = ("status", *GUIDE_FIELDS, "remarks")


class Status(StrEnum):
    """Whether a procedure's content is official."""

    SAMPLE = "sample"  # to be confirmed by the ministry
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure of the guide. `countries`: ISO codes of countries with a remark; `file`, `line`: its definition."""

    id: str
    status: Status
    countries: tuple[str, ...]
    file: str
    line: int

    @property
    def text_ids(self) -> tuple[str, ...]:
        return guide_ids(self.id, self.countries)

    def steps(self, country: str | None) -> tuple[tuple[str, str], ...]:
        """Return the steps for a caller from `country`, in order: the step's name and its text's id."""
        steps = [(step, guide_text_id(self.id, step)) for step in _STEPS]
        if country is not None and country in self.countries:
            steps.append(("remark", self.remark(country)))
        return tuple(steps)

    def remark(self, country: str) -> str:
        """Return the id of the text for callers from that country."""
        return guide_text_id(self.id, "remark", country)


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
        for name in _FIELDS:
            if name not in values:
                self.wrong(1, f"{name} is missing; add it")
        for name, (line, value) in values.items():
            if name not in _FIELDS:
                self.wrong(line, f"{name!r} is not a field of the guide; its fields are {', '.join(_FIELDS)}")
            elif name not in ("status", "remarks"):
                self._text(name, line, value)
        status = self._status(*values["status"]) if "status" in values else None
        remarks = self._remarks(*values["remarks"], countries) if "remarks" in values else ()
        if status is None:
            return None
        line = values[_TITLE][0] if _TITLE in values else 1
        return Procedure(identity, status, remarks, self.name, line)

    def _status(self, line: int, value: yaml.Node) -> Status | None:
        found = value.value if isinstance(value, yaml.ScalarNode) else "a list"
        if found in list(Status):
            return Status(found)
        self.wrong(line, f"status is {found or 'empty'}; write {' or '.join(Status)}")
        return None

    def _remarks(self, line: int, value: yaml.Node, countries: Collection[str] | None) -> tuple[str, ...]:
        if not isinstance(value, yaml.MappingNode) or not value.value:
            self.wrong(line, "remarks has no country; write at least one, such as FR: and its remark")
            return ()
        remarks = self._names(value)
        for country, (at, text) in remarks.items():
            if not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
                self.wrong(at, f"{country!r} is not a country; write its ISO code of two capital letters, such as FR")
            elif countries is not None and country not in countries:
                self.wrong(
                    at, f"the country {country!r} is not one of the site's: {', '.join(sorted(countries))}; choose one"
                )
            self._text(f"remarks.{country}", at, text)
        return tuple(remarks)

    def _text(self, name: str, line: int, value: yaml.Node) -> None:
        if not isinstance(value, yaml.ScalarNode):
            self.wrong(line, f"{name} is a list, not a text; write one text, in words")
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
