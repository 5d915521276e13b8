"""`hatif guard`: the process that gives callers back to the dialplan while there is no controller."""

import typer

from ivr.process.guard import main


def register(app: typer.Typer) -> None:
    app.command()(guard)


def guard() -> None:
    """Give callers back to the dialplan while there is no controller, in the foreground. `hatif up` runs it as well."""
    main()
