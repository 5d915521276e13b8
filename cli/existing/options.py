"""The options of commands for an administrator's own Asterisk."""

from enum import StrEnum

import typer

_INTO_HELP = "Your own Asterisk's configuration, such as /etc/asterisk."
INTO = typer.Option(None, "--into", metavar="DIR", help=_INTO_HELP)
REQUIRED = typer.Option(..., "--into", metavar="DIR", help=_INTO_HELP)


class Theirs(StrEnum):
    """Parts that stay in the administrator's own `pjsip.conf`."""

    telephones = "telephones"
    carriers = "carriers"


KEEP = typer.Option([], "--keep", help="What stays yours. May be repeated.")
