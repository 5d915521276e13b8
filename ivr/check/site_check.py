"""Findings of `hatif check` about `site.toml`: valid values that conflict with the site's other files."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import phonenumbers

from db.engine import DatabaseError, parse_url
from ivr.flow.file import Draft
from ivr.flow.nodes.language import Language
from ivr.site import former_settings, table_file
from ivr.site.findings import Finding
from ivr.site.operators import COLUMNS, OperatorEntry
from ivr.site.site import Place, Site, format_place, line_in
from prompts import catalogue, site_files, toml_values
from prompts.voices.choice import choose, comes_by_itself, wanted


def former_findings(folder: Path) -> Iterator[Finding]:
    """Yield findings about settings that only an earlier version had; nothing for a file that cannot be read."""
    try:
        taken = former_settings.take_out(toml_values.loads(site_files.text(folder / "site.toml")))
    except (OSError, ValueError):
        return
    for place, remedy in taken:
        yield _Toml(folder).finding("W_SITE_FORMER", place, f"{format_place(place)} is no longer a setting", remedy)


def number_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """Yield findings about the numbers that callers dial; `hours_check` has those about hours."""
    toml = _Toml(folder)
    for index, number in enumerate(site.number):
        if number.country is not None and number.country not in site.countries:
            place = ("number", index, "country")
            found = f"{format_place(place)}: {number.country} has no languages"
            remedy = f'write [countries.{number.country}] with languages = ["{site.languages[0]}"], likeliest first'
            yield toml.finding("E_NUMBER_LANGUAGES", place, found, remedy)
        if not _can_be_dialled(number.number):
            place = ("number", index, "number")
            found = f"{format_place(place)}: {number.number} is shorter or longer than any number of its country"
            yield toml.finding("W_NUMBER_DIALLED", place, found, "write it as callers dial it")


def _can_be_dialled(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def database_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """Yield findings about the database's URL."""
    try:
        if site.database.url is not None:
            parse_url(site.database.url)
    except DatabaseError as error:
        found, _, remedy = str(error).partition(": ")
        yield _Toml(folder).finding("E_SITE_DATABASE", ("database", "url"), f"database.url: {found}", remedy)


def desk_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """Yield findings about the files of the desk's certificate."""
    for name, path in (("certificate", site.desk.certificate), ("key", site.desk.key)):
        if path is not None and not (folder / path).is_file():
            found = f"desk.{name}: there is no file {folder / path}"
            remedy = f"write the {name} there, a PEM file, or remove both lines: the desk then makes a certificate"
            yield _Toml(folder).finding("E_SITE_CERTIFICATE", ("desk", name), found, remedy)
            return  # they come together


def voice_findings(folder: Path, site: Site, voices: Path) -> Iterator[Finding]:
    """Yield findings about the configured voices; `voices` is the folder of installed or provided ones."""
    toml = _Toml(folder)
    for language, reason in choose(wanted(site.voices, ()), voices).missing.items():
        if comes_by_itself(site.voices[language]):
            continue
        found, _, remedy = f"voices.{language}: {site.voices[language]}: {reason}".partition("; ")
        yield toml.finding("W_VOICE_MISSING", ("voices", language), found, remedy)


def language_findings(
    folder: Path, site: Site, people: Sequence[OperatorEntry] | None, flow: Draft | None
) -> Iterator[Finding]:
    """Yield findings about the languages that callers can choose; operators and flow are None if unreadable."""
    toml = _Toml(folder)
    for language in site.languages:
        if people is not None:
            yield from _speakers(folder, site, people, language)
        if site.fallback and language not in site.fallback:
            found = f"fallback: no language replaces missing or broken audio of {language!r}"
            remedy = f'write some, best first, such as {language} = ["{next(iter(site.fallback))}"]'
            yield toml.finding("E_FALLBACK_MISSING", ("fallback",), found, remedy)
        texts = folder / "locale" / language / catalogue.FILE
        if language not in site.recorded_only and not texts.is_file():
            remedy = "create it as in docs/add-a-language.md, or remove the language from languages"
            yield toml.finding("E_LANGUAGE_FOLDER", ("languages",), f"{language!r} has no catalogue {texts}", remedy)
    if len(site.languages) == 1:
        found = "there is only one language; no other replaces missing or broken audio"
        yield toml.finding("W_FALLBACK_NONE", ("languages",), found, "add a language")
    if flow is not None and not flow.faults:
        yield from _not_offered(toml, site, flow)


def _speakers(folder: Path, site: Site, people: Sequence[OperatorEntry], language: str) -> Iterator[Finding]:
    file = str(folder / "operators.csv")
    able = [person for person in people if person.languages.get(language, 0) >= site.operators.level]
    if not able:
        found = f"no operator speaks {language} at level {site.operators.level} or above; callers would wait for ever"
        level = max(site.operators.level, 4)
        remedy = (
            f"add an operator who does, such as {language}:{level}, or remove the language from languages in site.toml"
        )
        yield Finding("E_LANGUAGE_NOBODY", file, 1, found, remedy)
    elif not any(person.supervisor for person in able):
        found = f"no supervisor speaks {language}"
        remedy = f"make an operator who does a supervisor, such as {able[0].id}"
        yield Finding("W_LANGUAGE_SUPERVISOR", file, 1, found, remedy)


def _not_offered(toml: "_Toml", site: Site, flow: Draft) -> Iterator[Finding]:
    menus = [node for node in flow.flow.nodes.values() if isinstance(node, Language)]
    offered = {language for menu in menus for language in menu.options.values()}
    for language in site.languages:
        if menus and language not in offered:
            found = f"no language menu in {flow.where} offers {language!r}"
            remedy = "give it a key there, or remove it from languages"
            yield toml.finding("W_LANGUAGE_MENU", ("languages",), found, remedy)


def topic_findings(
    folder: Path, people: Sequence[OperatorEntry] | None, flow: Draft | None, texts: Collection[str]
) -> Iterator[Finding]:
    """Yield findings about topics of operators that no node has, and topics of nodes without a text.

    `texts`: the ids of all texts, empty if they could not be read.
    """
    if flow is None or flow.faults:
        return
    topics = {topic: name for name, node in reversed(flow.flow.nodes.items()) for topic in node.topics()}
    if people is not None:
        known = ", ".join(sorted(topics)) or "none"
        path = folder / "operators.csv"
        lines = {cells[0]: line for line, cells in table_file.rows(path, COLUMNS, "E_OPERATOR_FILE")}
        for person in people:
            for topic in sorted(person.topics - set(topics)):
                found = f"the topic {topic!r} of {person.id} is in no node of {flow.where}, so no caller has it"
                remedy = f"write topics of the flow: {known}"
                yield Finding("W_OPERATOR_TOPIC", str(path), lines[person.id], found, remedy)
    for topic, node in topics.items() if texts else ():
        text = f"talk_topic_{topic}"
        if text not in texts:
            found = f"the topic {topic!r} has no text {text}, so operators do not hear it"
            line = flow.line("nodes", node, value=topic)
            yield Finding("W_TOPIC_TEXT", flow.where, line, found, f"add {text} to texts.yaml")


class _Toml:
    """The site's `site.toml`, to find lines in it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "site.toml"
        self._text = site_files.text(self._path)

    def finding(self, code: str, place: Place, found: str, remedy: str) -> Finding:
        return Finding(code, str(self._path), line_in(self._text, place), found, remedy)
