"""Groups of commands, such as `hatif hours` with `hatif hours force`."""

from collections.abc import Callable

import typer


def add_group(app: typer.Typer, name: str, summary: str, default: Callable[..., object] | None = None) -> typer.Typer:
    """Add a group of commands to `app` and return it.

    Args:
        default: The command without a further word; None: the group's help is shown instead.
    """
    group = typer.Typer(
        help=summary,
        no_args_is_help=default is None,
        invoke_without_command=default is not None,
        rich_markup_mode=None,
    )
    if default is not None:
        group.callback()(default)
    app.add_typer(group, name=name)
    return group
