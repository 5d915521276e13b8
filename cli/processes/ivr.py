"""`hatif ivr`: the controller as a process of its own."""

import typer

from ivr.__main__ import main


def register(app: typer.Typer) -> None:
    app.command()(ivr)


def ivr() -> None:
    """Run the controller alone, in the foreground. `hatif up` runs it as well."""
    main()
