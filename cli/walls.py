"""`hatif walls …`: links to the wallboard for screens that nobody signs in at."""

from datetime import UTC, datetime
from uuid import UUID

import typer

from cli.accounts import with_engine
from cli.composition import Composition, ControlError
from cli.control import actor
from cli.desk import settings_of
from cli.groups import add_group
from cli.output import JSON, as_json, as_table, console
from desk.board import walls
from desk.page.texts import LANGUAGES


def register(app: typer.Typer) -> None:
    walls = add_group(app, "walls", "List links to the wallboard for screens on walls; add, withdraw.", list_walls)
    walls.command("add")(add)
    walls.command("withdraw")(withdraw)


def list_walls(context: typer.Context, json: bool = JSON) -> None:
    if context.invoked_subcommand is not None:
        return
    rows = [
        {
            "id": str(wall.id),
            "name": wall.name,
            "names": wall.names,
            "language": wall.language,
            "created": wall.created.isoformat(),
            "created_by": wall.created_by,
            "seen": wall.seen.isoformat() if wall.seen is not None else None,
        }
        for wall in with_engine(Composition(), walls.list_walls)
    ]
    if json:
        as_json(rows)
    else:
        columns = ("id", "name", "names", "language", "created", "created_by", "seen")
        as_table("Screens on walls", columns, ([row[column] for column in columns] for row in rows), "none")


def add(
    name: str = typer.Argument(help="Where the screen is."),
    names: bool = typer.Option(False, "--names", help="Show the operators' names, for a screen that only they see."),
    language: str | None = typer.Option(None, "--language", help="Of the page: fr, ar or en; absent: the browser's."),
) -> None:
    """Make a link that shows the wallboard without a sign-in until it is withdrawn, and print it once."""
    if language is not None and language not in LANGUAGES:
        raise ControlError(f"The pages have no language {language!r}; write one of {', '.join(LANGUAGES)}.")
    if not name.strip() or len(name) > 60 or not name.isprintable():
        raise ControlError("Write where the screen is, in at most 60 characters.")
    parts, now = Composition(), datetime.now(UTC)
    token = with_engine(
        parts, lambda engine: walls.make(engine, name.strip(), actor(), now, names=names, language=language)
    )
    console.print(f"{settings_of(parts).url}/wall/{token}", markup=False, soft_wrap=True)


def withdraw(identity: str = typer.Argument(help="The id of the link: `hatif walls` lists them.")) -> None:
    """Withdraw a link: its screens show nothing any more."""
    try:
        wall = UUID(identity)
    except ValueError:
        wall = UUID(int=0)
    if not with_engine(Composition(), lambda engine: walls.withdraw(engine, wall, datetime.now(UTC))):
        raise ControlError(f"There is no link {identity!r}; `hatif walls` lists them.")
    console.print("The link is withdrawn.", markup=False)
