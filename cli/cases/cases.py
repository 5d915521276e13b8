"""`hatif cases` lists case files; `hatif case …` opens, changes and shows one.

The commands work whether the line runs or not; the office does what they ask for, as it does for the desk. `open` and
`note` also work while the database is away; the others read the case first and need it.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import typer
from typer.core import TyperCommand

from cli.composition import Composition
from cli.groups import add_group
from cli.office import deliver_left, me, read, work
from cli.output import JSON, as_json, as_table, cell, console, say
from db import case_files
from db.enums import CaseKind, CasePriority, CaseState
from db.references import format_reference
from ivr.model import clock
from office.cases import changing, opening, reading, rules
from office.cases.references import digits_of
from office.cases.rules import FIELDS, CaseError, CaseRules, Kind, missing_words
from office.context import Office
from office.reading import ByCommand, Unshown
from prompts import catalogue, sources

REFERENCE = typer.Argument(help="The case's reference, nine digits such as 123-456-789.")
_NONE = "none"
"""Empties a column."""
STATES, KINDS, PRIORITIES = ", ".join(CaseState), ", ".join(CaseKind), ", ".join(CasePriority)


class _WithMissing(TyperCommand):
    """A command whose help ends with the site's words for missing documents."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with suppress(Exception):  # for a faulty site there is `hatif check`
            words = ", ".join(_words_for_missing(Composition()))
            formatter.write_paragraph()
            formatter.write_text(f"Words of this site for --missing: {words}.")


def register(app: typer.Typer) -> None:
    app.command()(cases)
    case = add_group(
        app,
        "case",
        "Open, change and show a case file; give it a new PIN, with which its applicant asks for its state.",
    )
    case.command("open")(open_case)
    case.command("set", cls=_WithMissing)(set_columns)
    case.command()(note)
    case.command()(close)
    case.command()(pin)
    case.command()(show)


def cases(
    last: int = typer.Option(20, "--last", min=1, help="Show at most this many."),
    state: str = typer.Option("", "--state", help=f"Only cases in this state: {STATES}."),
    owner: str = typer.Option("", "--owner", help="Only cases of this operator."),
    applicant: str = typer.Option("", "--applicant", help="Only cases whose applicant has these words in their name."),
    overdue: bool = typer.Option(False, "--overdue", help="Only cases past their due date that are not closed."),
    tests: bool = typer.Option(False, "--tests", help="Also cases opened in test calls."),
    json: bool = JSON,
) -> None:
    """List the case files, newest first."""
    if state:
        rules.one_of(state, CaseState, "state")
    parts = Composition()
    chosen = {"state": state or None, "owner": owner or None, "overdue": clock.now() if overdue else None}
    listed = read(
        parts,
        lambda office: reading.cases(office, me(), ByCommand(), last, applicant=applicant, tests=tests, **chosen),
    )
    rows = [asdict(case) for case in listed]
    if json:
        as_json(rows)
        return
    columns = (
        "reference",
        "kind",
        "state",
        "topic",
        "language",
        "country",
        "applicant",
        "caller",
        "owner",
        "due",
        "opened",
    )
    as_table("Cases", columns, ([row[name] for name in columns] for row in rows))


def open_case(
    topic: str = typer.Option(..., "--topic", help="The topic, as in the flow: file, documents, travel."),
    language: str = typer.Option(..., "--language", help="The code of the applicant's language."),
    country: str = typer.Option(..., "--country", help="The applicant's country of residence, two letters such as FR."),
    title: str = typer.Option(..., "--title", help="What the applicant asks for, in a few words."),
    applicant: str = typer.Option("", "--applicant", help="The applicant's name."),
    caller: str = typer.Option("", "--caller", help="The applicant's number, such as +33612345678."),
    kind: str = typer.Option(CaseKind.PROCEDURE.value, "--kind", help=f"One of {KINDS}."),
    post: str = typer.Option("", "--post", help="The consular post that deals with it."),
    json: bool = JSON,
) -> None:
    """Open a case file; print its reference and, only now, the PIN with which its applicant asks for its state."""
    parts = Composition()
    named = {
        "topic": topic,
        "language": language,
        "country": country,
        "title": title,
        "applicant": applicant,
        "caller": caller,
        "kind": kind,
        "post": post,
    }
    given = {name: _value(name, text) for name, text in named.items()}
    allowed = _rules(parts, given)
    opened = work(parts, lambda office: opening.open_case(office, me(), given, allowed))
    if json:
        as_json({"reference": opened.reference, "pin": opened.pin, **opened.columns})
        return
    say(f"Reference {format_reference(opened.reference)}, PIN {opened.pin}.")
    say("Give both to the applicant; the PIN is not shown again (`hatif case pin` makes a new one).")


def set_columns(
    reference: str = REFERENCE,
    state: str = typer.Option(None, "--state", help=f"One of {STATES}."),
    kind: str = typer.Option(None, "--kind", help=f"What it turned out to be: one of {KINDS}."),
    missing: str = typer.Option(
        None, "--missing", help="What the applicant still has to bring: words separated by commas, or none."
    ),
    expected: str = typer.Option(None, "--expected", help="When to expect the next step: 2027-01-15, or none."),
    owner: str = typer.Option(None, "--owner", help="The operator who deals with it, or none."),
    applicant: str = typer.Option(None, "--applicant", help="The applicant's name, or none."),
    post: str = typer.Option(None, "--post", help="The consular post that deals with it, or none."),
    priority: str = typer.Option(None, "--priority", help=f"One of {PRIORITIES}."),
    follow_up: str = typer.Option(
        None, "--follow-up", help="When its owner wants to look at it again: 2027-01-15, or none."
    ),
    due: str = typer.Option(
        None, "--due", help="When it is due: 2027-01-15, or with a time, 2027-01-15T12:00, or none."
    ),
    version: str = typer.Option(
        None, "--version", help="Only if the case is still as `hatif case show` showed it with this version."
    ),
    json: bool = JSON,
) -> None:
    """Change a case file. Its applicant hears the state, what is missing and what to expect on their next call."""
    parts = Composition()
    options = {
        "state": state,
        "kind": kind,
        "missing": missing,
        "expected": expected,
        "owner": owner,
        "applicant": applicant,
        "post": post,
        "priority": priority,
        "follow_up": follow_up,
        "due": due,
    }
    named = {name: text for name, text in options.items() if text is not None}
    if not named:
        names = ", ".join("--" + name.replace("_", "-") for name in options)
        raise CaseError(f"nothing to change; give {names}.")
    given = {name: _value(name, text) for name, text in named.items()}
    _change(parts, reference, given, "", json, version)


def note(reference: str = REFERENCE, text: str = typer.Argument(help="The text of the note.")) -> None:
    """Add a note to a case file."""
    parts = Composition()
    work(parts, lambda office: changing.note(office, me(), reference, text, Unshown()))
    console.print(f"{_format_reference(reference)}: note added.", markup=False)


def close(reference: str = REFERENCE, why: str = typer.Option("", "--why", help="The reason, kept as a note.")) -> None:
    """Close a case file. `hatif case set --state …` opens it again."""
    _change(Composition(), reference, {"state": CaseState.CLOSED.value}, why, False)


def pin(reference: str = REFERENCE, json: bool = JSON) -> None:
    """Give a case file a new PIN, shown only now; the old one stops working, and a lock of the case ends."""
    parts = Composition()
    pin = work(parts, lambda office: changing.new_pin(office, me(), reference, Unshown()))
    if json:
        as_json({"reference": digits_of(reference), "pin": pin})
    else:
        console.print(f"{_format_reference(reference)}: the PIN is now {pin}; it is not shown again.", markup=False)


def show(reference: str = REFERENCE, json: bool = JSON) -> None:
    """Show a case file with its notes and messages; of its PIN, whether it is set, and wrong attempts and locks."""
    parts = Composition()
    case = read(parts, lambda office: reading.read(office, me(), reference, ByCommand()))
    story = asdict(case)
    story["file"]["version"] = str(case.file.version)
    if json:
        as_json({**story.pop("file"), **story})
        return
    as_table(f"Case {_format_reference(reference)}", ("what", "value"), story["file"].items())
    as_table("Notes", ("at", "author", "text"), ([row["at"], row["author"], row["text"]] for row in story["notes"]))
    columns = ("at", "category", "duration_ms", "heard", "heard_by", "file", "text", "text_confidence", "text_why")
    as_table("Messages", columns, ([row[name] for name in columns] for row in story["messages"]))


def _format_reference(reference: str) -> str:
    return format_reference(reference)


def _change(
    parts: Composition, reference: str, given: dict[str, Any], why: str, json: bool, version: str | None = None
) -> None:
    """Change a case, unless it has another version than the given one, or than it had a moment ago."""
    digits, allowed = digits_of(reference), _rules(parts, given)
    allowed.check(given, clock.now())  # before anything is asked
    seen = _version(version)
    late = deliver_left(parts)  # what another process has left in the journal is part of the case

    async def change(office: Office) -> "changing.Changed":
        based_on = seen
        if based_on is None:
            based_on = (await case_files.story(office.engine, digits)).file.version
            if late is not None:
                why_not = f"changes of cases are still on their way to the database ({late}); try again in a moment."
                raise CaseError(why_not)
        return await changing.change(office, me(), digits, based_on, given, allowed, Unshown(), why=why)

    made = work(parts, change)
    before = made.before or {}
    if json:
        as_json({"reference": digits, "changes": {name: [before.get(name), value] for name, value in made.new.items()}})
        return
    words = "; ".join(f"{name} {cell(before.get(name))} → {cell(value)}" for name, value in made.new.items())
    console.print(f"{_format_reference(digits)}: {words or 'no change'}.", markup=False)


def _version(text: str | None) -> int | None:
    """Return a version as `hatif case show` shows it. Raises CaseError for any other text."""
    if text is not None and (not text.isdecimal() or len(text) > 9):
        raise CaseError(f"{text!r} is not a version; `hatif case show` shows the case's.")
    return int(text) if text is not None else None


def _rules(parts: Composition, columns: Collection[str]) -> CaseRules:
    """Return what the site allows in these columns of a case."""
    return CaseRules(
        languages=parts.site.languages,
        operators=[operator.id for operator in parts.operators] if "owner" in columns else (),
        missing=_words_for_missing(parts) if "missing" in columns else (),
        zone=ZoneInfo(parts.site.hours.timezone),
    )


def _value(column: str, text: str) -> str | None:
    """Return the value that `text` stands for in a column of a case; None for `none`, which empties it."""
    if text == _NONE and FIELDS[column] is not Kind.WORD:
        return None
    return text


def _words_for_missing(parts: Composition) -> list[str]:
    """Return the words for missing documents: the ids of the site's texts that begin with `missing_`, without that."""
    folder = parts.settings.site
    ids = list(sources.load(folder)) or list(catalogue.load(folder).ids)
    return missing_words(ids)
