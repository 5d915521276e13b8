"""`hatif firewall`: who may send audio, as rules for nftables."""

from pathlib import Path

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import console


def register(app: typer.Typer) -> None:
    app.command()(firewall)


def firewall(
    out: Path = typer.Option(None, "--out", help="The file; without it the text goes to standard output."),
) -> None:
    """Write rules for nftables: audio comes from the carriers and the operators, and from nobody else. Loads nothing.

    docs/carriers.md says what they keep out, and what they cannot.
    """
    text = Composition().firewall()
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    console.print(f"{out}: load it with `nft -f {out}`", markup=False, soft_wrap=True)
