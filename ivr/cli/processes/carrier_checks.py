"""Checks of `hatif status` about carriers: the certificate of SIP over TLS, and our registrations."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ivr.asterisk.carrier_registrations import REGISTERED
from ivr.cli.processes.check import Check
from ivr.site import certificate
from ivr.site.carriers import Carrier
from ivr.site.findings import SiteError
from ivr.site.sip import Sip

_ENDS = timedelta(days=14)


def check_certificate(folder: Path, sip: Sip, used: Path, now: datetime) -> Iterator[Check]:
    """Check the certificate of SIP over TLS; nothing to say without one.

    Args:
        folder: The site's.
        used: The file that Asterisk reads.
    """
    if sip.certificate is None:
        return
    try:
        newest = certificate.read(folder, sip)
    except SiteError as error:
        yield Check("certificate", False, False, error.findings[0].found, error.findings[0].remedy)
        return
    found = "has expired, or is not valid yet" if newest.ends is None else f"ends on {newest.ends:%Y-%m-%d}"
    if used.is_file() and used.read_text() != newest.certificate:
        yield Check("certificate", False, False, "Asterisk does not have the newest one", "run `hatif reload`")
    else:
        ok = newest.ends is not None and newest.ends - now > _ENDS
        yield Check("certificate", ok, False, f"that of SIP {found}", "renew it, then run `hatif reload`")


def check_registrations(carriers: Sequence[Carrier], states: Mapping[str, str]) -> Iterator[Check]:
    """Check the registrations with carriers; fatal if no carrier is left that could bring calls.

    `states`: Asterisk's word for each registration, by carrier.
    """
    registering = [carrier for carrier in carriers if carrier.registrar is not None]
    alone = len(registering) == len(carriers) and REGISTERED not in states.values()
    for carrier in registering:
        state = states.get(carrier.name, "not known to Asterisk: run `hatif reload`")
        found = f"{state}, as {carrier.user} at {carrier.registrar}"
        remedy = f"see asterisk/log/asterisk.log; a new password: `hatif carriers password {carrier.name}`"
        yield Check(f"carrier {carrier.name}", state == REGISTERED, alone, found, remedy)
