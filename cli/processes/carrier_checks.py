"""Checks of `hatif status` about carriers: the certificate of SIP over TLS, and our registrations."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cli.processes.check import Check, phrase
from ivr.asterisk.carrier_registrations import REGISTERED
from ivr.site import certificate
from ivr.site.carriers import Carrier
from ivr.site.findings import SiteError
from ivr.site.sip import Sip

_ENDS = timedelta(days=14)
_ANSWER_S = 1.5  # less than a part of the line has to answer `hatif status`


def served_certificate(host: str, port: int) -> str | None:
    """Return the certificate that a server shows, as PEM text; None if it does not answer."""
    try:
        return ssl.get_server_certificate((host, port), timeout=_ANSWER_S)
    except OSError:
        return None


def check_certificate(
    folder: Path, sip: Sip, carriers: Sequence[Carrier], served: Callable[[], str | None], now: datetime
) -> Iterator[Check]:
    """Check the certificate of SIP over TLS; nothing to say without one.

    Args:
        folder: The site's.
        served: Returns the certificate that Asterisk shows, None if it does not answer. Not called without `sip`'s.
    """
    if sip.certificate is None:
        return
    try:
        newest = certificate.read(folder, sip)
    except SiteError as error:
        yield Check("certificate", False, False, error.findings[0].found, error.findings[0].remedy)
        return
    shown = served()
    if shown is None:
        needed = all(carrier.transport == "tls" for carrier in carriers)
        found = phrase("Asterisk does not answer on its port of TLS")
        yield Check("certificate", False, needed, found, "run `hatif restart asterisk --when-idle`")
        return
    ends = (
        phrase("it has expired, or is not valid yet")
        if newest.ends is None
        else phrase("it ends on %(day)s", day=newest.ends.date().isoformat())
    )
    if ssl.PEM_cert_to_DER_cert(shown) != ssl.PEM_cert_to_DER_cert(_first(newest.certificate)):
        yield Check("certificate", False, False, phrase("Asterisk does not have the newest one"), "run `hatif reload`")
    else:
        ok = newest.ends is not None and newest.ends - now > _ENDS
        yield Check("certificate", ok, False, ends, "renew it, then run `hatif reload`")


def _first(chain: str) -> str:
    """Return the first certificate of a file."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return begin + chain.partition(begin)[2].partition(end)[0] + end


def check_registrations(carriers: Sequence[Carrier], states: Mapping[str, str]) -> Iterator[Check]:
    """Check the registrations with carriers; fatal if no carrier is left that could bring calls.

    `states`: Asterisk's word for each registration, by carrier.
    """
    registering = [carrier for carrier in carriers if carrier.registrar is not None]
    alone = len(registering) == len(carriers) and REGISTERED not in states.values()
    for carrier in registering:
        state = states.get(carrier.name, "not known to Asterisk: run `hatif reload`")
        named = {"state": state, "user": str(carrier.user), "server": str(carrier.registrar)}
        found = phrase("%(state)s, as %(user)s at %(server)s", **named)
        remedy = f"see asterisk/log/asterisk.log; a new password: `hatif carriers password {carrier.name}`"
        yield Check(f"carrier {carrier.name}", state == REGISTERED, alone, found, remedy)
