"""What is allowed in `site.toml` and still wrong beside the site's other files: findings of `hatif check`."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import phonenumbers

from db.engine import DatabaseError, parse_url
from ivr.flow.file import Draft
from ivr.flow.nodes.language import Language
from ivr.site import table_file
from ivr.site.findings import Finding
from ivr.site.operators import COLUMNS, OperatorEntry
from ivr.site.site import Place, Site, line_in
from prompts import catalogue, site_files
from prompts.voices.choice import choose


def number_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """About the numbers that callers dial; their hours are in `hours_check`."""
    toml = _Toml(folder)
    for index, number in enumerate(site.number):
        if number.country is not None and number.country not in site.countries:
            found = f"number.{index}.country: {number.country} has no languages"
            remedy = f'write [countries.{number.country}] with languages = ["{site.languages[0]}"], likeliest first'
            yield toml.finding("E_NUMBER_LANGUAGES", ("number", index, "country"), found, remedy)
        if not _can_be_dialled(number.number):
            found = f"number.{index}.number: {number.number} is shorter or longer than any number of its country"
            yield toml.finding("W_NUMBER_DIALLED", ("number", index, "number"), found, "write it as callers dial it")


def _can_be_dialled(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def database_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """Yield what is wrong with the database's URL."""
    try:
        if site.database.url is not None:
            parse_url(site.database.url)
    except DatabaseError as error:
        found, _, remedy = str(error).partition(": ")
        yield _Toml(folder).finding("E_SITE_DATABASE", ("database", "url"), f"database.url: {found}", remedy)


def voice_findings(folder: Path, site: Site, voices: Path) -> Iterator[Finding]:
    """About the voices that are switched on; `voices` is where those are that were installed or brought."""
    toml = _Toml(folder)
    for language, reason in choose(site.voices, voices).missing.items():
        found, _, remedy = f"voices.{language}: {site.voices[language]}: {reason}".partition("; ")
        yield toml.finding("W_VOICE_MISSING", ("voices", language), found, remedy)


def language_findings(
    folder: Path, site: Site, people: Sequence[OperatorEntry] | None, flow: Draft | None
) -> Iterator[Finding]:
    """About the languages that callers can choose. Operators and flow are left out where they cannot be read."""
    toml = _Toml(folder)
    for language in site.languages:
        if people is not None:
            yield from _speakers(folder, site, people, language)
        if site.fallback and language not in site.fallback:
            found = f"fallback: no language replaces audio of {language!r} that is missing or broken"
            remedy = f'write some, best first, such as {language} = ["{next(iter(site.fallback))}"]'
            yield toml.finding("E_FALLBACK_MISSING", ("fallback",), found, remedy)
        texts = folder / "locale" / language / catalogue.FILE
        if language not in site.recorded_only and not texts.is_file():
            remedy = "make it as docs/add-a-language.md says, or take the language out of languages"
            yield toml.finding("E_LANGUAGE_FOLDER", ("languages",), f"{language!r} has no catalogue {texts}", remedy)
    if len(site.languages) == 1:
        found = "there is one language; no other replaces audio that is missing or broken"
        yield toml.finding("W_FALLBACK_NONE", ("languages",), found, "add a language")
    if flow is not None and not flow.faults:
        yield from _not_offered(toml, site, flow)


def _speakers(folder: Path, site: Site, people: Sequence[OperatorEntry], language: str) -> Iterator[Finding]:
    file = str(folder / "operators.csv")
    able = [each for each in people if each.languages.get(language, 0) >= site.operators.level]
    if not able:
        found = f"nobody speaks {language} at level {site.operators.level} or above; its callers would wait for ever"
        level = max(site.operators.level, 4)
        remedy = (
            f"add an operator who does, such as {language}:{level}, or take the language out of languages in site.toml"
        )
        yield Finding("E_LANGUAGE_NOBODY", file, 1, found, remedy)
    elif not any(each.supervisor for each in able):
        found = f"no supervisor speaks {language}"
        remedy = f"make one of those who do a supervisor, such as {able[0].id}"
        yield Finding("W_LANGUAGE_SUPERVISOR", file, 1, found, remedy)


def _not_offered(toml: "_Toml", site: Site, flow: Draft) -> Iterator[Finding]:
    menus = [node for node in flow.flow.nodes.values() if isinstance(node, Language)]
    offered = {language for menu in menus for language in menu.options.values()}
    for language in site.languages:
        if menus and language not in offered:
            found = f"no menu of languages in {flow.where} offers {language!r}"
            remedy = "give it a key there, or take it out of languages"
            yield toml.finding("W_LANGUAGE_MENU", ("languages",), found, remedy)


def topic_findings(
    folder: Path, people: Sequence[OperatorEntry] | None, flow: Draft | None, texts: Collection[str]
) -> Iterator[Finding]:
    """Yield topics of operators that no node has, and topics of nodes that no text names to an operator.

    `texts`: the ids of all texts; none where they could not be read.
    """
    if flow is None or flow.faults:
        return
    topics = {name: topic for name, node in flow.flow.nodes.items() if (topic := getattr(node, "topic", None))}
    if people is not None:
        known = ", ".join(sorted(set(topics.values()))) or "none"
        path = folder / "operators.csv"
        lines = {cells[0]: line for line, cells in table_file.rows(path, COLUMNS, "E_OPERATOR_FILE")}
        for person in people:
            for topic in sorted(person.topics - set(topics.values())):
                found = f"the topic {topic!r} of {person.id} is in no node of {flow.where}, so it brings no caller"
                remedy = f"write topics of the flow: {known}"
                yield Finding("W_OPERATOR_TOPIC", str(path), lines[person.id], found, remedy)
    for topic in dict.fromkeys(topics.values()) if texts else ():
        text = f"talk_topic_{topic}"
        if text not in texts:
            node = next(name for name, its in topics.items() if its == topic)
            found = f"the topic {topic!r} has no text {text}, so operators are not told of it"
            line = flow.line("nodes", node, "topic")
            yield Finding("W_TOPIC_TEXT", flow.where, line, found, f"write {text} in texts.yaml")


class _Toml:
    """The site's own file, for the lines in it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "site.toml"
        self._text = site_files.text(self._path)

    def finding(self, code: str, place: Place, found: str, remedy: str) -> Finding:
        return Finding(code, str(self._path), line_in(self._text, place), found, remedy)
