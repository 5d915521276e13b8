"""`hatif firewall`: nftables rules that limit who may send audio."""

from pathlib import Path

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import console


def register(app: typer.Typer) -> None:
    app.command()(firewall)


def firewall(
    out: Path = typer.Option(None, "--out", help="Write to this file.  [default: standard output]"),
) -> None:
    """Write nftables rules that accept audio from the carriers and the operators only. Does not load them.

    docs/carriers.md describes what they keep out, and what they cannot.
    """
    text = Composition().firewall()
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    console.print(f"{out}: load it with `nft -f {out}`", markup=False, soft_wrap=True)
