"""`hatif firewall`: nftables rules that limit who may send audio, how many calls may come from one address, and who
is the gate of browser telephones, or a carrier on this machine."""

from pathlib import Path

import typer

from asterisk_conf.firewall import Senders, render
from cli.asterisk_parts import AsteriskParts
from cli.output import console
from cli.owner import owner_of
from ivr.site.findings import Finding, SiteError


def register(app: typer.Typer) -> None:
    app.command()(firewall)


def firewall(
    out: Path = typer.Option(None, "--out", help="Write to this file.  [default: standard output]"),
) -> None:
    """Write nftables rules: audio from carriers and operators only, no flood of calls. Does not load them.

    docs/carriers.md describes what they keep out, and what they cannot.
    """
    text = rules(AsteriskParts())
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    console.print(f"{out}: load it with `nft -f {out}`", markup=False, soft_wrap=True)


def rules(parts: AsteriskParts) -> str:
    """Return nftables rules. Raises SiteError if the site does not name the sources of audio."""
    path, chosen = str(parts.settings.site / "site.toml"), parts.site
    missing = [f"carrier {entry.name}: media" for entry in chosen.carrier if not (entry.media or entry.hosts)]
    people = chosen.operators
    missing += [] if people.networks or people.outside else ["operators: networks"]
    if missing:
        sentence = f"{', '.join(missing)}: the source of this audio is not known; list its networks"
        raise SiteError(Finding.from_sentence("E_SITE_MEDIA", path, 1, sentence))
    senders = [Senders(f"carrier {carrier.name}", carrier.media or carrier.hosts) for carrier in chosen.carrier]
    senders += [Senders("operators", people.networks)] if people.networks else []
    plain = None
    if people.outside:
        plain = [Senders(f"carrier {entry.name}", entry.hosts or entry.media) for entry in chosen.carrier]
        plain.append(Senders("own networks", parts.telephone_networks or ("127.0.0.0/8",)))
    binds = [chosen.sip_bind, *([chosen.sip.bind_ipv6] if chosen.sip.bind_ipv6 is not None else [])]
    most = [entry.calls_by_source for entry in chosen.carrier if entry.calls_by_source is not None]
    calls_by_source = max([chosen.limits.calls_by_source, *most])
    return render(
        senders,
        parts.ports,
        *binds,
        plain_sip=plain,
        calls_by_source=calls_by_source,
        line_user=owner_of(parts.settings.home),
        gate=chosen.desk.enabled,
        carriers_here=[
            Senders(f"carrier {entry.name}", here) for entry in chosen.carrier if (here := entry.open_hosts)
        ],
    )
