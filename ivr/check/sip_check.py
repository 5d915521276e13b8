"""Findings of `hatif check` about SIP: the certificate in `[sip]` of `site.toml`, carriers, and telephones outside."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from ivr.site import certificate
from ivr.site.findings import Finding, SiteError
from ivr.site.operators import OperatorEntry
from ivr.site.site import Place, Site, line_in
from prompts import site_files

SOON = timedelta(days=21)
"""Certificates are renewed earlier than this: those of Let's Encrypt 30 days before they end."""


def telephone_findings(folder: Path, site: Site, people: Sequence[OperatorEntry]) -> Iterator[Finding]:
    """Yield findings about telephones outside: operators who are not in the list."""
    known = {"*", *(person.id for person in people)}
    file = folder / "site.toml"
    for operator in site.operators.outside:
        if operator not in known:
            line = line_in(site_files.text(file), ("operators", "outside"))
            what = f"operators.outside: there is no operator {operator!r} in operators.csv"
            yield Finding("E_SITE_OUTSIDE", str(file), line, what, 'write ids of the list, or "*" for all')


_USUAL = (ip_address("127.0.0.1"), ip_address("::1"))
"""The addresses that a program has on loopback unless it asks for another one."""


_FIRST_OF_ALL = 1024
"""Ports below this one need a right that people's programs lack (`net.ipv4.ip_unprivileged_port_start`)."""


def carrier_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """Yield a finding for each address at which other programs and accounts of this machine can call as a carrier.

    A line that is on loopback itself, such as that of the example, is for trying: its carrier may be at 127.0.0.2. A
    running line goes on with what is an error here; a change of the site that brings it is refused.
    """
    file = folder / "site.toml"
    tries = site.sip.bind_ipv6 is None and ip_address(site.sip_bind).is_loopback
    text = site_files.text(file)
    for index, carrier in enumerate(site.carrier):
        for host in carrier.open_hosts:
            if carrier.port is not None:
                if carrier.port >= _FIRST_OF_ALL and not tries:
                    what = (
                        f"carrier {carrier.name}: port {carrier.port} is any program's while the carrier's does not run"
                    )
                    remedy = "write a port below 1024, or password = true, or load the rules of `hatif firewall`"
                    yield Finding("W_CARRIER_PORT", str(file), line_in(text, ("carrier", index, "port")), what, remedy)
            elif not tries or any(address in ip_network(host) for address in _USUAL):
                what = f"carrier {carrier.name}: {host} is this machine, and all its programs can call as the carrier"
                remedy = "write the carrier's own addresses, or password = true, or the port that its calls come from"
                code = "W_CARRIER_LOCAL" if tries else "E_CARRIER_LOCAL"
                yield Finding(code, str(file), line_in(text, ("carrier", index, "hosts")), what, remedy)


def sip_findings(folder: Path, site: Site) -> Iterator[Finding]:
    """Yield findings about the certificate of SIP over TLS."""
    sip = site.sip
    if sip.certificate is None or sip.key is None:
        return
    file, key = folder / sip.certificate, folder / sip.key
    try:
        found = certificate.read(folder, sip)
    except SiteError as error:
        yield from error.findings
        return
    if found.ends is None:
        what = "the certificate has expired, or is not valid yet: nobody accepts it"
        yield Finding("E_SITE_CERTIFICATE", str(file), 1, what, "renew it, then run `hatif reload`")
    elif found.ends - datetime.now(UTC) < SOON:
        what = f"the certificate ends on {found.ends:%Y-%m-%d}"
        yield Finding("W_SITE_CERTIFICATE", str(file), 1, what, "renew it, then run `hatif reload`")
    if key.stat().st_mode & 0o007:
        what = "every user of this machine can read the key"
        yield Finding("W_SITE_CERTIFICATE", str(key), 1, what, f"run `chmod o= {key}`")
    trusted = certificate.authorities(folder, sip)
    if trusted is None or not trusted.is_file():
        place: Place = ("sip", "authorities")
        line = line_in(site_files.text(folder / "site.toml"), place)
        what = f"sip.authorities: there is no file {trusted}" if trusted else "this machine has no list of authorities"
        remedy = 'write authorities = "FILE" in [sip], a PEM file: without it no carrier\'s certificate can be checked'
        yield Finding("E_SITE_CERTIFICATE", str(folder / "site.toml"), line, what, remedy)
