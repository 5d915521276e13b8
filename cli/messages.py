"""`hatif messages` lists voice messages; `hatif message …` takes one, gives it back, hears it, and ends it.

The office does what they ask for, as it does for the desk.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

import typer

from cli.composition import Composition
from cli.groups import add_group
from cli.office import me, read, work
from cli.output import JSON, as_json, as_table, console
from db.message_data import VoiceMessage
from office import messages as office
from office.context import Office
from office.people import Actor
from office.reading import ByCommand

IDENTITY = typer.Argument(help="The message's id.")


def register(app: typer.Typer) -> None:
    app.command()(messages)
    message = add_group(
        app, "message", "Take a voice message to work on it; give it back, hear it, note that it is done."
    )
    message.command()(take)
    message.command()(release)
    message.command()(hear)
    message.command()(done)


def messages(
    last: int = typer.Option(0, "--last", min=0, max=1000, help="Also show this many that are done."),
    json: bool = JSON,
) -> None:
    """List the voice messages that are not done, oldest first."""
    rows = [_row(row) for row in read(Composition(), lambda office_: office.latest(office_, me(), ByCommand(), last))]
    if json:
        as_json(rows)
        return
    columns = ("id", "at", "caller", "language", "topic", "seconds", "case", "heard_by", "taken_by")
    columns = (*columns, *(("done", "done_by") if last else ()), "text")
    as_table("Messages", columns, ([row[name] for name in columns] for row in rows))


def take(identity: UUID = IDENTITY, json: bool = JSON) -> None:
    """Take a message to work on it."""
    _change(office.take, identity, "taken", json)


def release(identity: UUID = IDENTITY, json: bool = JSON) -> None:
    """Let others take a message again, whoever has it."""
    _change(office.release, identity, "given back", json)


def done(identity: UUID = IDENTITY, json: bool = JSON) -> None:
    """Note that nothing is left to do about a message."""
    _change(office.finish, identity, "done", json)


def hear(identity: UUID = IDENTITY, json: bool = JSON) -> None:
    """Print the file of a message, and note that you hear it; who heard it first stays."""

    async def heard(office_: Office) -> VoiceMessage:
        message = await office.own(office_, me(), identity)
        await office.hear(office_, me(), message)
        return await office.own(office_, me(), identity)

    parts = Composition()
    message = read(parts, heard)
    if json:
        as_json(_row(message))
    else:
        console.print(str(parts.settings.home / message.file), markup=False, soft_wrap=True)


def _change(
    change: Callable[[Office, Actor, UUID], Awaitable[VoiceMessage]], identity: UUID, what: str, json: bool
) -> None:
    async def changed(office_: Office) -> VoiceMessage:
        return await change(office_, me(), identity)

    message = work(Composition(), changed)
    if json:
        as_json(_row(message))
    else:
        console.print(f"{message.id}: {what}.", markup=False)


def _row(message: VoiceMessage) -> dict[str, Any]:
    """Return a message as `--json` has it."""
    row = asdict(message)
    milliseconds = row.pop("duration_ms")
    first = {"id": row.pop("id"), "call": row.pop("call_id"), "case": row.pop("case_reference")}
    return {**first, "seconds": milliseconds / 1000 if milliseconds is not None else None, **row}
