"""Commands about what lives: operators and who waits. Changes go through the control API."""

import time
from typing import Any, cast

import typer

from ivr.cli.compose import Composition, ControlError, ControllerAwayError
from ivr.cli.output import JSON, as_json, as_table, console


def register(app: typer.Typer) -> None:
    operators = typer.Typer(
        help="The operators: languages and state; a telephone's settings; a change of state.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    operators.callback()(list_operators)
    operators.command("phone")(phone)
    operators.command("set")(set_state)
    app.add_typer(operators, name="operators")
    app.command()(waiting)


def list_operators(context: typer.Context, json: bool = JSON) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    try:
        live = cast(dict[str, dict[str, Any]], parts.ask_controller("GET", "/operators"))
    except ControllerAwayError:
        live = {}
    rows = [
        {
            "id": each.id,
            "name": each.name,
            "languages": each.languages,
            "topics": sorted(each.topics),
            "supervisor": each.supervisor,
            "state": live.get(each.id, {}).get("state", "unknown"),
            "reason": live.get(each.id, {}).get("reason"),
            "since": live.get(each.id, {}).get("since"),
            "telephone": live.get(each.id, {}).get("telephone"),
        }
        for each in parts.operators
    ]
    if json:
        as_json(rows)
        return
    as_table(
        "Operators" if live else "Operators (the controller does not answer: no states)",
        ("id", "name", "languages", "state", "for", "telephone", "supervisor"),
        (
            (
                row["id"],
                row["name"],
                " ".join(f"{code}:{level}" for code, level in cast(dict[str, int], row["languages"]).items()),
                f"{row['state']}{' (' + str(row['reason']) + ')' if row['reason'] else ''}",
                _since(cast(float | None, row["since"])),
                row["telephone"],
                row["supervisor"],
            )
            for row in rows
        ),
    )


def _since(since: float | None) -> str:
    if not since:
        return "-"
    seconds = max(0, int(time.time() - since))
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def phone(operator: str = typer.Argument(help="The operator's id."), json: bool = JSON) -> None:
    """What to enter in an operator's softphone: user, password, server."""
    parts = Composition()
    password = parts.credentials.operators.get(operator)
    if password is None or operator not in {each.id for each in parts.operators}:
        raise ControlError(f"There is no operator {operator}; `hatif operators` lists them.")
    host = "127.0.0.1" if parts.site.sip_bind == "0.0.0.0" else parts.site.sip_bind  # noqa: S104 - compared only
    data = {"user": operator, "password": password, "server": f"{host}:{5060 + parts.settings.offset}"}
    if json:
        as_json(data)
    else:
        as_table(f"Telephone of {operator}", ("setting", "value"), data.items())


def set_state(
    operator: str = typer.Argument(help="The operator's id."),
    state: str = typer.Argument(help="ready, paused or away."),
    reason: str = typer.Option("", help="Why he pauses: one word."),
) -> None:
    """Change an operator's state by hand; while he talks, it holds from the end of the call on."""
    Composition().ask_controller("POST", f"/operators/{operator}/state", {"state": state, "reason": reason})
    console.print(f"Operator {operator}: {state} asked for.", markup=False)


def waiting(json: bool = JSON) -> None:
    """Who waits for an operator, the next one first."""
    rows = cast(list[dict[str, Any]], Composition().ask_controller("GET", "/waiting"))
    if json:
        as_json(rows)
        return
    columns = ("place", "caller", "language", "topic", "waited_s", "call")
    as_table("Waiting", columns, ([row[column] for column in columns] for row in rows), "nobody")
