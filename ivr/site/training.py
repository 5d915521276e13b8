"""Scripted callers, who train operators: one file each in `training/` of the site, checked where it enters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ivr.site.findings import Finding, SiteError
from ivr.site.site import CountryCode, LanguageCode, Site, describe_error, format_place
from ivr.site.wording import LANGUAGE, NUMBER, plain_word, written_as
from prompts import site_files, text_rules, training_sounds
from prompts.yaml_places import LOADER, MISREAD, compose, duplicates, line_of, misread, refusal

FOLDER = "training"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_MOST = 50
_RECORDING = "write a WAV file's name of letters, digits, _ and -, such as greeting.wav"
_ODD = re.compile(r"[\x00-\x1f\x7f]")

Title = Annotated[str, Field(min_length=1, max_length=80)]
PageLanguage = Annotated[str, written_as("[a-z]{2,3}", LANGUAGE)]
NodeName = Annotated[str, Field(max_length=30), written_as("[a-z][a-z0-9_]*", plain_word())]
Keys = Annotated[str, written_as("[0-9*#]{1,20}", "write 1 to 20 keys")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sentence(_Strict):
    """A sentence of a scripted caller: a text for the voice of their language, or a recording in the folder."""

    text: str | None = Field(None, min_length=1)
    recording: Annotated[str, written_as(r"[A-Za-z0-9_-]{1,60}\.wav", _RECORDING)] | None = None
    # The caller speaks once the operator has fallen silent, or after this time if they say nothing.
    after_s: float = Field(6, ge=0, le=60)

    @model_validator(mode="after")
    def _is_one(self) -> "Sentence":
        if (self.text is None) == (self.recording is None):
            raise ValueError("has both a text and a recording, or neither; write one of them")
        return self


class _File(_Strict):
    title: dict[PageLanguage, Title] = Field(min_length=1, max_length=20)
    language: LanguageCode
    country: CountryCode
    caller: Annotated[str, written_as(r"\+[1-9][0-9]{5,14}", NUMBER)] | None = None
    keys: dict[NodeName, Keys] = Field({}, max_length=20)
    say: tuple[Sentence, ...] = Field(min_length=1, max_length=20)


@dataclass(frozen=True, slots=True)
class Script:
    """A scripted caller.

    Attributes:
        title: What the caller wants, by the language of the desk's pages.
        number: The site's number that they dial.
        caller: Their own, made-up number; "" if they withhold it.
        keys: What they press at which node.
    """

    name: str
    title: dict[str, str]
    language: str
    country: str
    number: str
    caller: str
    keys: dict[str, str]
    say: tuple[Sentence, ...]
    folder: Path
    keys_line: int = 1

    @property
    def sentences(self) -> tuple[training_sounds.Sentence, ...]:
        """The caller's sentences, as they are spoken or recorded."""
        return tuple(
            training_sounds.Sentence(
                self.language, found.text, None if found.recording is None else self.folder / found.recording
            )
            for found in self.say
        )


def load(folder: Path, site: Site) -> dict[str, Script]:
    """Return the scripted callers of a site's folder by name; those with a mistake are left out."""
    scripts, _ = examine(folder, site)
    return scripts


def examine(folder: Path, site: Site) -> tuple[dict[str, Script], list[Finding]]:
    """Return the scripted callers of a site's folder by name, and what is wrong with the others."""
    where = folder / FOLDER
    scripts: dict[str, Script] = {}
    found: list[Finding] = []
    try:
        paths = sorted(where.iterdir()) if where.exists() else []
    except OSError as error:
        sentence = f"cannot be read ({error.strerror}); it must be a folder of .yaml files"
        return {}, [Finding.from_sentence("E_TRAINING_FILE", str(where), 1, sentence)]
    files = [path for path in paths if path.suffix in (".yaml", ".yml") and not path.name.startswith(".")]
    for path in files[:_MOST]:
        try:
            scripts[path.stem], warnings = _read(path, site)
            found += warnings
        except SiteError as error:
            found += error.findings
    if len(files) > _MOST:
        sentence = f"has {len(files)} scripted callers; keep at most {_MOST}"
        found.append(Finding.from_sentence("E_TRAINING_FILE", str(where), 1, sentence))
    return scripts, found


def _read(path: Path, site: Site) -> tuple[Script, list[Finding]]:
    """Return the scripted caller in a file, and warnings about it. Raises SiteError with all mistakes."""

    def wrong(line: int, sentence: str, code: str = "E_TRAINING_FILE") -> Finding:
        return Finding.from_sentence(code, str(path), line, sentence)

    if path.suffix != ".yaml" or not _NAME.fullmatch(path.stem):
        raise SiteError(wrong(1, "has a name that cannot be used; write letters, digits and _ before .yaml"))
    try:
        text = site_files.text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(wrong(1, f"cannot be read ({error}); it must be a UTF-8 text file")) from None
    tree: yaml.Node | None = None
    try:
        tree = compose(text)
        document = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise SiteError(wrong(*refusal(error, text))) from None
    except MISREAD as error:
        raise SiteError(wrong(*refusal(misread(tree, error), text))) from None
    if tree is None or not isinstance(document, dict):
        raise SiteError(wrong(1, "is not a mapping; write title, language, country, keys and say"))
    problems = [wrong(line, f"{name!r} occurs twice; remove one") for name, line in duplicates(tree)]
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        places = ((cause["loc"], describe_error(cause)) for cause in error.errors())
        problems += [
            wrong(line_of(tree, place), f"{format_place(place)}: {what}", "E_TRAINING_VALUE") for place, what in places
        ]
        raise SiteError(*problems) from None
    number = next((entry.number for entry in site.number if entry.country == file.country), None)
    conflicts = _conflicts(file, site, number, path.parent)
    problems += [wrong(line_of(tree, place), what, code) for code, place, what in conflicts]
    if number is None or any(problem.is_error or problem.code == "W_TRAINING_SITE" for problem in problems):
        raise SiteError(*problems)
    script = Script(
        name=path.stem,
        title=file.title,
        language=file.language,
        country=file.country,
        number=number,
        caller=file.caller or "",
        keys=file.keys,
        say=file.say,
        folder=path.parent,
        keys_line=line_of(tree, ("keys",)),
    )
    return script, problems


def _conflicts(
    file: _File, site: Site, number: str | None, folder: Path
) -> Iterator[tuple[str, tuple[int | str, ...], str]]:
    """Yield values that do not fit the rest of the site."""
    value, other = "E_TRAINING_VALUE", "W_TRAINING_SITE"  # a site that gives up a language need not change this first
    if file.language not in site.languages:
        known = ", ".join(site.languages)
        yield other, ("language",), f"the language {file.language!r} is not one of the site's; write one of {known}"
    if number is None:
        countries = ", ".join(sorted({entry.country for entry in site.number if entry.country}))
        yield other, ("country",), f"the site has no number for {file.country!r}; write one of {countries}"
    for language, title in file.title.items():
        if _ODD.search(title):
            yield value, ("title", language), "the title has a control character; remove it"
    for index, sentence in enumerate(file.say):
        place = ("say", index)
        if sentence.recording is not None and not (folder / sentence.recording).is_file():
            yield value, place, f"the recording {sentence.recording} does not exist; put it beside this file"
        if sentence.text is not None:
            for finding in text_rules.findings(sentence.text, file.language):
                code = "E_TRAINING_TEXT" if finding.code.startswith("E_") else "W_TRAINING_TEXT"
                yield code, place, f"{finding.found}; {finding.remedy}"
