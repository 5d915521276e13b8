"""`hatif carriers`: the carriers of the site, whether we are registered with them, and our passwords there."""

import asyncio
import sys

import typer

from asterisk_conf import checks
from cli.composition import Composition, ControlError
from cli.groups import add_group
from cli.output import JSON, as_json, as_table, console
from ivr.asterisk.ami import Ami, AmiError
from ivr.asterisk.carrier_registrations import read_registrations
from ivr.home import credentials


def register(app: typer.Typer) -> None:
    carriers = add_group(
        app, "carriers", "List the carriers, and whether we are registered; set our password.", list_carriers
    )
    carriers.command("password")(password)


def list_carriers(context: typer.Context, json: bool = JSON) -> None:
    if context.invoked_subcommand is not None:
        return
    parts = Composition()
    states = asyncio.run(_states(parts))
    rows = [
        {
            "name": carrier.name,
            "hosts": carrier.hosts,
            "port": carrier.port,
            "transport": carrier.transport,
            "srtp": carrier.srtp,
            "dial": carrier.dial,
            "registrar": carrier.registrar,
            "user": carrier.user,
            "registered": _state(states, carrier.name) if carrier.registrar is not None else None,
        }
        for carrier in parts.site.carrier
    ]
    if json:
        as_json(rows)
        return
    headings = ("carrier", "calls come from", "transport", "SRTP", "our calls go to", "registered")
    table = (
        (
            carrier.name,
            ", ".join([*carrier.hosts, *([f"port {carrier.port}"] if carrier.port is not None else [])])
            or ("our registration" if carrier.registrar else "anywhere, with its password"),
            carrier.transport,
            carrier.srtp,
            ", ".join(carrier.dial),
            f"{row['registered']}, as {carrier.user} at {carrier.registrar}" if carrier.registrar else "",
        )
        for carrier, row in zip(parts.site.carrier, rows, strict=True)
    )
    as_table("Carriers", headings, table)


async def _states(parts: Composition) -> dict[str, str] | None:
    secrets = parts.credentials
    try:
        async with Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password) as ami:
            return await read_registrations(ami)
    except AmiError:
        return None


def _state(states: dict[str, str] | None, name: str) -> str:
    return "unknown (Asterisk does not answer)" if states is None else states.get(name, "not known to Asterisk yet")


def password(name: str = typer.Argument(help="The carrier, as in site.toml.")) -> None:
    """Keep our password at a carrier in secrets.json; it is asked for, or read from standard input."""
    parts = Composition()
    carrier = next((entry for entry in parts.site.carrier if entry.name == name), None)
    if carrier is None:
        known = ", ".join(entry.name for entry in parts.site.carrier)
        raise ControlError(f"The site has no carrier {name!r}; it has {known}.")
    if carrier.user is None:
        raise ControlError(f'Carrier {name} has no user; write user = "…" in its [[carrier]] of site.toml first.')
    entered = typer.prompt(f"Password of {carrier.user} at {name}", hide_input=True) if sys.stdin.isatty() else ""
    text = entered or sys.stdin.readline().rstrip("\r\n")
    checks.outer_secret(f"Carrier {name}", text)
    credentials.set_outer(parts.settings.home, name, text)
    console.print("Kept in secrets.json; `hatif reload` brings it to Asterisk.")
