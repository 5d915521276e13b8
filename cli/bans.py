"""`hatif bans`: addresses that are banned for wrong passwords."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import typer

from cli.composition import Composition, ControlError, account
from cli.groups import add_group
from cli.output import JSON, as_json, as_table, console, errors
from ivr.process.ban_list import BanList, nftables
from ivr.process.ban_rules import banned_as, lifted
from office.delivery import keep


def register(app: typer.Typer) -> None:
    bans = add_group(app, "bans", "List the addresses that are banned for wrong passwords; lift a ban.", list_bans)
    bans.command()(lift)


def list_bans(
    context: typer.Context,
    nft: bool = typer.Option(False, "--nft", help="Write them for `nft -f`, into the sets of `hatif firewall`."),
    json: bool = JSON,
) -> None:
    if context.invoked_subcommand is not None:
        return
    now, bans = time.time(), BanList(Composition().settings.home).read()
    if nft:
        typer.echo(nftables(bans, now), nl=False)
        return
    rows = [{"address": who, **asdict(ban)} for who, ban in sorted(bans.items()) if ban.holds(now)]
    if json:
        as_json(rows)
        return
    table = ((row["address"], _at(row["since"]), _at(row["until"]), row["times"]) for row in rows)
    as_table("Banned addresses", ("address", "since", "until", "times"), table)


def lift(address: str = typer.Argument(help="An address, or one in a banned network.")) -> None:
    """End a ban at once. The next one of this address is as short as the first."""
    parts, now = Composition(), time.time()
    who = _banned_as(address)
    bans = BanList(parts.settings.home)
    if who not in (banned := bans.read()) or not banned[who].holds(now):
        raise ControlError(f"{who} is not banned; `hatif bans` lists who is.")
    bans.change(lambda all_: {**all_, who: lifted(all_[who], account(), now)})
    _audit(parts, who)
    console.print(f"{who} is no longer banned.", markup=False)


def _banned_as(text: str) -> str:
    """Return what is banned for an address or network as a person writes it. Raises ControlError."""
    try:
        return banned_as(ip_address(text))
    except ValueError:
        pass
    try:
        return str(ip_network(text))
    except ValueError:
        raise ControlError(f"{text!r} is not an address; write one as `hatif bans` lists them.") from None


def _at(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def _audit(parts: Composition, who: str) -> None:
    row = {"by": account(), "act": "ban_lifted", "about": f"address:{who}"}
    away = keep(parts.settings.journal, parts.site.node, parts.database_url, [("audit", row)])
    if away is not None:
        errors.print(f"hatif: the audit's record follows once the database is back: {away}", markup=False)
