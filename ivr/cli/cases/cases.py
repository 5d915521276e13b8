"""Commands about case files: `cases` lists them, `case …` opens, changes and shows one.

They work whether the line runs or not (`ivr.cases.casework`). A change goes to the journal first. `open` works also
while the database is away; the others look at the file first and need it.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from db.enums import CaseKind, CaseState
from ivr.cli.cases import case_input
from ivr.cli.composition import Composition, account
from ivr.cli.output import JSON, as_json, as_table, cell, console, errors
from ivr.model import clock

if TYPE_CHECKING:
    from ivr.cases.casework import Rows

REFERENCE = typer.Argument(help="Nine digits, such as 123-456-789.")
STATES, KINDS = ", ".join(CaseState), ", ".join(CaseKind)


class _WithMissing(TyperCommand):
    """Its help ends with the words that the site has for what can be missing."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with suppress(Exception):  # a site with a mistake has a command of its own for it
            words = ", ".join(case_input.words_for_missing(Composition()))
            formatter.write_paragraph()
            formatter.write_text(f"Words of this site for --missing: {words}.")


def register(app: typer.Typer) -> None:
    app.command()(cases)
    case = typer.Typer(
        help="A case file: open it, change it, show it; the PIN that its applicant asks for its state with.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    case.command("open")(open_file)
    case.command("set", cls=_WithMissing)(set_columns)
    case.command()(note)
    case.command()(close)
    case.command()(pin)
    case.command()(show)
    app.add_typer(case, name="case")


def cases(
    last: int = typer.Option(20, "--last", min=1, help="How many."),
    state: str = typer.Option("", "--state", help=f"Only those that are {STATES}."),
    owner: str = typer.Option("", "--owner", help="Only those of this operator."),
    overdue: bool = typer.Option(False, "--overdue", help="Only those that were due and are not closed."),
    json: bool = JSON,
) -> None:
    """The case files, the newest first."""
    from db import read

    if state:
        case_input.one_of(state, CaseState, "state")
    rows = asyncio.run(
        Composition().read(
            read.cases, last, state=state or None, owner=owner or None, overdue=clock.now() if overdue else None
        )
    )
    if json:
        as_json(rows)
        return
    columns = ("reference", "kind", "state", "topic", "language", "country", "caller", "owner", "due", "opened")
    as_table("Cases", columns, ([row[name] for name in columns] for row in rows))


def open_file(
    topic: str = typer.Option(..., "--topic", help="What it is about, as in the flow: file, documents, travel."),
    language: str = typer.Option(..., "--language", help="The code of the applicant's language."),
    country: str = typer.Option(..., "--country", help="Where he lives: two letters, such as FR."),
    title: str = typer.Option(..., "--title", help="What he applies for, in a few words."),
    caller: str = typer.Option("", "--caller", help="His number, such as +33612345678."),
    kind: str = typer.Option(CaseKind.PROCEDURE.value, "--kind", help=f"One of {KINDS}."),
    post: str = typer.Option("", "--post", help="The consular post that deals with it."),
    json: bool = JSON,
) -> None:
    """Open a file; prints its reference and, this once, the PIN that its state is asked for with."""
    from db.references import format_reference
    from ivr.cases import casework
    from ivr.cases import pin as pins

    parts = Composition()
    columns = {
        "topic": case_input.topic(topic),
        "language": case_input.one_of(language, parts.site.languages, "language of this site"),
        "country": case_input.country(country),
        "title": title.strip()[:200],
        "caller": case_input.number(caller) if caller else None,
        "kind": case_input.one_of(kind, CaseKind, "kind"),
        "post": case_input.value(parts, "post", post),
    }
    reference = casework.new_reference(parts.settings, parts.site.node, parts.site.node_number, parts.database_url)
    pin = pins.new()
    _keep(parts, casework.opening_rows(reference, columns, pins.hash_pin(pin), account(), clock.now()))
    if json:
        as_json({"reference": reference, "pin": pin, **columns})
        return
    console.print(f"Reference {format_reference(reference)}, PIN {pin}.", markup=False)
    console.print("Give both to the applicant; the PIN is not shown again (`hatif case pin` makes another one).")


def set_columns(
    reference: str = REFERENCE,
    state: str = typer.Option(None, "--state", help=f"One of {STATES}."),
    missing: str = typer.Option(None, "--missing", help="What he still has to bring: words with commas, or none."),
    expected: str = typer.Option(None, "--expected", help="When he can expect the next step: 2027-01-15, or none."),
    owner: str = typer.Option(None, "--owner", help="The operator who deals with it, or none."),
    post: str = typer.Option(None, "--post", help="The consular post that deals with it, or none."),
    due: str = typer.Option(None, "--due", help="Until when: 2027-01-15, or with a time 2027-01-15T12:00, or none."),
    json: bool = JSON,
) -> None:
    """Change a file. Its applicant hears state, what is missing and what to expect on his next call."""
    parts = Composition()
    given = {"state": state, "missing": missing, "expected": expected, "owner": owner, "post": post, "due": due}
    named = {name: text for name, text in given.items() if text is not None}
    if not named:
        raise case_input.CaseError(f"nothing is to be changed; give {', '.join('--' + name for name in given)}.")
    wanted = {name: case_input.value(parts, name, text) for name, text in named.items()}
    _change(parts, reference, wanted, "", json)


def note(reference: str = REFERENCE, text: str = typer.Argument(help="What is to be kept with the file.")) -> None:
    """Add a note to a file."""
    from ivr.cases import casework

    parts = Composition()
    file = _file(parts, reference)
    if not text.strip():
        raise case_input.CaseError("the note is empty; write what is to be kept.")
    _keep(parts, casework.note_rows(file["reference"], text.strip(), account(), clock.now()))
    console.print(f"{_written(file)}: noted.", markup=False)


def close(reference: str = REFERENCE, why: str = typer.Option("", "--why", help="The reason, for the notes.")) -> None:
    """Close a file. `set --state …` opens it again."""
    _change(Composition(), reference, {"state": CaseState.CLOSED.value}, why, False)


def pin(reference: str = REFERENCE, json: bool = JSON) -> None:
    """Give a file a new PIN, shown this once; the former one is no longer right, and a lock of the file ends."""
    from ivr.cases import casework
    from ivr.cases import pin as pins

    parts = Composition()
    file = _file(parts, reference)
    pin = pins.new()
    _keep(parts, casework.new_pin_rows(file["reference"], pins.hash_pin(pin), account(), clock.now()))
    if json:
        as_json({"reference": file["reference"], "pin": pin})
    else:
        console.print(f"{_written(file)}: the PIN is now {pin}; it is not shown again.", markup=False)


def show(reference: str = REFERENCE, json: bool = JSON) -> None:
    """All of a file, with its notes and messages; of its PIN, whether it has one and what stands against it."""
    story = _story(Composition(), reference)
    if json:
        as_json({**story.pop("file"), **story})
        return
    as_table(f"Case {_written(story['file'])}", ("what", "value"), story["file"].items())
    as_table("Notes", ("at", "author", "text"), ([each["at"], each["author"], each["text"]] for each in story["notes"]))
    columns = ("at", "category", "duration_ms", "heard", "heard_by", "file", "text")
    as_table("Messages", columns, ([each[name] for name in columns] for each in story["messages"]))


# The file, and what is done to it


def _story(parts: Composition, reference: str) -> dict[str, Any]:
    """Of the file with this reference. Raises CaseError for what cannot be one, NotFoundError where there is none."""
    from db import case_files

    story: dict[str, Any] = asyncio.run(parts.read(case_files.story, case_input.reference(reference)))
    return story


def _file(parts: Composition, reference: str) -> dict[str, Any]:
    file: dict[str, Any] = _story(parts, reference)["file"]
    return file


def _written(file: dict[str, Any]) -> str:
    from db.references import format_reference

    return format_reference(file["reference"])


def _change(parts: Composition, reference: str, wanted: dict[str, Any], why: str, json: bool) -> None:
    from ivr.cases import casework

    file = _file(parts, reference)
    new = {name: value for name, value in wanted.items() if file[name] != value}
    if new:
        _keep(parts, casework.change_rows(file, new, account(), clock.now(), why))
    if json:
        as_json({"reference": file["reference"], "changes": {name: [file[name], value] for name, value in new.items()}})
        return
    words = "; ".join(f"{name} {cell(file[name])} → {cell(value)}" for name, value in new.items())
    console.print(f"{_written(file)}: {words or 'it was so already'}.", markup=False)


def _keep(parts: Composition, rows: "Rows") -> None:
    from ivr.cases import casework

    away = asyncio.run(casework.keep(parts.settings.journal, parts.site.node, parts.database_url, rows))
    if away is not None:
        said = f"hatif: it is kept in the journal and not in the database yet: {away}. It will be, once that is back."
        errors.print(said, style="yellow", markup=False, soft_wrap=True)
