"""`hatif operators …`: live state from, and changes through, the control API."""

import asyncio
import time
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from cli.composition import Composition, ControlError, ControllerAwayError
from cli.groups import add_group
from cli.on_record import put_on_record
from cli.operators import floor_watch
from cli.operators.floor_watch import format_duration
from cli.operators.telephone import phone
from cli.output import JSON, as_json, as_table, console
from cli.sign_in_links import sign_in_link
from db.engine import DatabaseError, open_engine
from db.missed_calls import missed_offers
from db.traces import Read
from desk.people.qr import qr_lines


def register(app: typer.Typer) -> None:
    operators = add_group(
        app,
        "operators",
        "List the operators with languages and state; show a telephone's settings; change an operator's state.",
        list_operators,
    )
    operators.command("phone")(phone)
    operators.command("login")(login)
    operators.command("set")(set_state)
    operators.command("wrap-up")(wrap_up)
    operators.command("helped")(helped)


UNKNOWN = "unknown"
"""The state of every operator while the controller is not connected to Asterisk."""

WATCH = typer.Option(False, "--watch", help="Keep showing the floor until Ctrl-C; with --json, one document per line.")


def list_operators(context: typer.Context, json: bool = JSON, watch: bool = WATCH) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    if watch:
        put_on_record(parts, Read.LIST, "list:floor")  # with whom operators talk
        floor_watch.watch(parts, as_json=json)
        return
    try:
        operators = cast(list[dict[str, Any]], parts.ask_controller("GET", "/operators"))
        live = {row["id"]: row for row in operators if row["state"] != UNKNOWN}
    except ControllerAwayError:
        live = {}
    missed = _missed_today(parts)
    rows = [
        {
            "id": operator.id,
            "name": operator.name,
            "languages": operator.languages,
            "topics": sorted(operator.topics),
            "supervisor": operator.supervisor,
            "state": live.get(operator.id, {}).get("state", UNKNOWN),
            **{
                name: live.get(operator.id, {}).get(name)
                for name in (
                    *("reason", "since", "until", "telephone", "on_line", "device", "help_since"),
                    "telephone_replaced",
                )
            },
            "missed_today": None if missed is None else missed.get(operator.id, {}),
        }
        for operator in parts.operators
    ]
    if json:
        as_json(rows)
        return
    as_table(
        "Operators" if live else "Operators (the controller does not answer: no states)",
        ("id", "name", "languages", "state", "for", "telephone", "supervisor", "missed today"),
        (
            (
                row["id"],
                row["name"],
                " ".join(f"{code}:{level}" for code, level in cast(dict[str, int], row["languages"]).items()),
                f"{row['state']}{' (' + str(row['reason']) + ')' if row['reason'] else ''}"
                f"{', on the line' if row['on_line'] else ''}"
                f"{', asks for help' if row['help_since'] else ''}",
                _format_since(cast(float | None, row["since"])),
                _format_telephone(row["telephone"], row["telephone_replaced"]),
                row["supervisor"],
                _format_missed(cast(dict[str, int] | None, row["missed_today"])),
            )
            for row in rows
        ),
    )


def _missed_today(parts: Composition) -> dict[str, dict[str, int]] | None:
    """Return how many of today's offers (in the site's time zone) failed, by operator and outcome; None without a
    database."""
    midnight = datetime.now(ZoneInfo(parts.site.hours.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)

    async def ask() -> dict[str, dict[str, int]]:
        async with open_engine(parts.database_url) as engine:
            return await missed_offers(engine, midnight)

    try:
        return asyncio.run(ask())
    except DatabaseError:
        return None


def _format_telephone(there: object, replaced: object) -> object:
    """Return whether the telephone is registered; with addresses if it replaced another one, or alternates with it."""
    if not isinstance(replaced, dict):
        return there
    if replaced["both_alive"]:
        return f"TWO: {replaced['before']}, {replaced['now']}"
    return f"{replaced['now']} instead of {replaced['before']}" if there else there


def _format_missed(missed: dict[str, int] | None) -> str:
    if missed is None:
        return "?"
    return ", ".join(f"{count} {how.replace('_', ' ')}" for how, count in sorted(missed.items())) or "-"


def _format_since(since: float | None) -> str:
    return format_duration(time.time() - since) if since else "-"


def login(operator: str = typer.Argument(help="The operator's id."), json: bool = JSON) -> None:
    """Make a link that signs an operator in at the desk once, within 15 minutes; with a QR code."""
    parts = Composition()
    if not parts.site.desk.enabled:
        raise ControlError("The desk is off: write enabled = true in [desk] of site.toml.")
    url = asyncio.run(sign_in_link(parts, operator))
    if json:
        as_json({"operator": operator, "url": url})
    else:
        console.print(url, markup=False, soft_wrap=True)
        print(qr_lines(url), end="")


def set_state(
    operator: str = typer.Argument(help="The operator's id."),
    state: str = typer.Argument(help="ready, paused or away."),
    reason: str = typer.Option("", help="The reason for a pause, one word."),
) -> None:
    """Change an operator's state; during a conversation, the change applies when the call ends."""
    Composition().ask_controller(
        "POST", f"/operators/{quote(operator, safe='')}/state", {"state": state, "reason": reason}
    )
    console.print(f"Operator {operator}: {state} requested.", markup=False)


def wrap_up(
    operator: str = typer.Argument(help="The operator's id."),
    change: str = typer.Argument(metavar="CHANGE", help="end, or more for an extension."),
) -> None:
    """End an operator's wrap-up, or extend it by the time that the site sets."""
    Composition().ask_controller("POST", f"/operators/{quote(operator, safe='')}/wrap_up", {"change": change})
    console.print(f"Operator {operator}: the wrap-up is {'ended' if change == 'end' else 'extended'}.", markup=False)


def helped(operator: str = typer.Argument(help="The operator's id.")) -> None:
    """Mark an operator's request for help, made when no supervisor was available, as answered."""
    Composition().ask_controller("DELETE", f"/operators/{quote(operator, safe='')}/help")
    console.print(f"Operator {operator} is no longer waiting for help.", markup=False)
