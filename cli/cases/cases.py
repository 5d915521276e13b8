"""`hatif cases` lists case files; `hatif case …` opens, changes and shows one.

The commands work whether the line runs or not (`ivr.cases.casework`). A change goes to the journal first. `open` also
works while the database is away; the others read the case first and need it. A running controller makes the changes of
a case itself, as it does for the desk: it knows those that the database does not have yet, so none is overwritten.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

import typer
from typer.core import TyperCommand

from cli.cases import case_input
from cli.composition import Composition, ControlError, account
from cli.control import ControllerAwayError
from cli.groups import add_group
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, cell, console, errors, say
from db.enums import CaseKind, CasePriority, CaseState
from db.traces import Read
from ivr.cases import case_changes, case_rules
from ivr.cases.case_changes import Rows
from ivr.cases.case_rules import CaseError
from ivr.model import clock

# Imports in functions: SQLAlchemy takes a while to load, and `hatif --help` does not need it.

REFERENCE = typer.Argument(help="The case's reference, nine digits such as 123-456-789.")
STATES, KINDS, PRIORITIES = ", ".join(CaseState), ", ".join(CaseKind), ", ".join(CasePriority)


class _WithMissing(TyperCommand):
    """A command whose help ends with the site's words for missing documents."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with suppress(Exception):  # for a faulty site there is `hatif check`
            words = ", ".join(case_input.words_for_missing(Composition()))
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
    from db import read_cases

    if state:
        case_rules.one_of(state, CaseState, "state")
    parts = Composition()
    rows = parts.find(
        read_cases.cases,
        last,
        state=state or None,
        owner=owner or None,
        applicant=applicant or None,
        overdue=clock.now() if overdue else None,
        tests=tests,
    )
    if rows:
        shown = [row["reference"] for row in rows]
        about: dict[str, Any] = {"state": state, "owner": owner, "overdue": overdue, "tests": tests}
        put_on_record(parts, Read.SEARCH, terms=applicant, cases=shown, **about)
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
    from db.references import format_reference
    from ivr.cases import casework
    from ivr.cases import pin as pins

    pin = pins.new()
    with ThreadPoolExecutor(1) as second_core:  # hashing takes as long as everything else
        hashing = second_core.submit(pins.hash_unsealed, pin)
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
        given = {name: case_input.value(name, text) for name, text in named.items()}
        columns = case_input.rules(parts, given).check(given, clock.now())
        site = parts.site
        reference = casework.new_reference(parts.settings, site.node, site.node_number, parts.database_url)
        pin_hash = pins.sealed(hashing.result(), parts.secret("pin_pepper"))
    _keep(parts, case_changes.opening_rows(reference, columns, pin_hash, account(), clock.now()))
    if json:
        as_json({"reference": reference, "pin": pin, **columns})
        return
    say(f"Reference {format_reference(reference)}, PIN {pin}.")
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
    given = {name: case_input.value(name, text) for name, text in named.items()}
    wanted = case_input.rules(parts, given).check(given, clock.now())
    _change(parts, reference, wanted, "", json, version)


def note(reference: str = REFERENCE, text: str = typer.Argument(help="The text of the note.")) -> None:
    """Add a note to a case file."""
    parts = Composition()
    case = _case(parts, reference)
    _keep(parts, case_changes.note_rows(case["reference"], case_rules.note_text(text), account(), clock.now()))
    console.print(f"{_format_reference(case)}: note added.", markup=False)


def close(reference: str = REFERENCE, why: str = typer.Option("", "--why", help="The reason, kept as a note.")) -> None:
    """Close a case file. `hatif case set --state …` opens it again."""
    _change(Composition(), reference, {"state": CaseState.CLOSED.value}, why, False)


def pin(reference: str = REFERENCE, json: bool = JSON) -> None:
    """Give a case file a new PIN, shown only now; the old one stops working, and a lock of the case ends."""
    from ivr.cases import pin as pins

    parts = Composition()
    case = _case(parts, reference)
    pin = pins.new()
    pin_hash = pins.hash_pin(pin, parts.secret("pin_pepper"))
    _keep(parts, case_changes.new_pin_rows(case["reference"], pin_hash, account(), clock.now()))
    if json:
        as_json({"reference": case["reference"], "pin": pin})
    else:
        console.print(f"{_format_reference(case)}: the PIN is now {pin}; it is not shown again.", markup=False)


def show(reference: str = REFERENCE, json: bool = JSON) -> None:
    """Show a case file with its notes and messages; of its PIN, whether it is set, and wrong attempts and locks."""
    parts = Composition()
    story = _story(parts, reference)
    put_on_record(parts, Read.CASE, f"case:{story['file']['reference']}")
    story["file"]["version"] = case_changes.version_of(story["file"])
    if json:
        as_json({**story.pop("file"), **story})
        return
    as_table(f"Case {_format_reference(story['file'])}", ("what", "value"), story["file"].items())
    as_table("Notes", ("at", "author", "text"), ([row["at"], row["author"], row["text"]] for row in story["notes"]))
    columns = ("at", "category", "duration_ms", "heard", "heard_by", "file", "text", "text_confidence", "text_why")
    as_table("Messages", columns, ([row[name] for name in columns] for row in story["messages"]))


def _story(parts: Composition, reference: str) -> dict[str, Any]:
    """Return a case with notes and messages.

    Raises CaseError for an invalid reference, NotFoundError for an unknown one.
    """
    from db import case_files

    story: dict[str, Any] = parts.find(case_files.story, case_input.reference(reference))
    return story


def _case(parts: Composition, reference: str) -> dict[str, Any]:
    case: dict[str, Any] = _story(parts, reference)["file"]
    return case


def _format_reference(case: dict[str, Any]) -> str:
    from db.references import format_reference

    return format_reference(case["reference"])


def _change(
    parts: Composition, reference: str, wanted: dict[str, Any], why: str, json: bool, version: str | None = None
) -> None:
    """Change a case, unless it has another version than the given one, or than it had a moment ago."""
    digits = case_input.reference(reference)
    try:
        document = cast(dict[str, Any], parts.ask_controller("GET", f"/cases/{digits}"))
    except ControllerAwayError:
        case, new = _change_alone(parts, digits, wanted, why, version)
    else:
        case = case_input.from_document(document)
        new = {name: value for name, value in wanted.items() if case[name] != value}
        if new or version is not None:
            asked = {**case_input.to_document(new), "version": version or document["version"], "why": why}
            try:
                parts.ask_controller("PATCH", f"/cases/{digits}", asked)
            except ControlError as error:
                raise (_changed_meanwhile(digits) if error.code == "case_changed" else error) from None
    if json:
        as_json({"reference": digits, "changes": {name: [case[name], value] for name, value in new.items()}})
        return
    words = "; ".join(f"{name} {cell(case[name])} → {cell(value)}" for name, value in new.items())
    console.print(f"{_format_reference(case)}: {words or 'no change'}.", markup=False)


def _change_alone(
    parts: Composition, digits: str, wanted: dict[str, Any], why: str, version: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change a case without a controller; return it as it was, and what was changed."""
    from ivr.cases import casework

    # What a controller was told before it ended is part of the case.
    late = casework.deliver_left(parts.settings.journal, parts.database_url)
    case = _case(parts, digits)
    if late is not None:
        raise CaseError(f"changes of cases are still on their way to the database ({late}); try again in a moment.")
    if version is not None and version != case_changes.version_of(case):
        raise _changed_meanwhile(digits)
    new = {name: value for name, value in wanted.items() if case[name] != value}
    if new:
        _keep(parts, case_changes.change_rows(case, new, account(), clock.now(), why))
    return case, new


def _changed_meanwhile(digits: str) -> CaseError:
    from db.references import format_reference

    written = format_reference(digits)
    return CaseError(
        f"case {written} was changed meanwhile, and is as it was after that: see it with `hatif case show {written}`,"
        " then give the command again if it is still right, with the version that is shown if any."
    )


def _keep(parts: Composition, rows: Rows) -> None:
    from ivr.cases import casework

    away = casework.keep(parts.settings.journal, parts.site.node, parts.database_url, rows)
    if away is not None:
        warning = f"hatif: it is in the journal, but not in the database yet: {away}. It will be once that is back."
        errors.print(warning, style="yellow", markup=False, soft_wrap=True)
