"""SIP over TLS, over IPv6 and from behind NAT: the values of Asterisk's transports."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from asterisk_conf import checks
from asterisk_conf.errors import AsteriskError

CERTIFICATE_FILE, KEY_FILE = "sip.pem", "sip.key"
"""Our copies beside `pjsip.conf`: Asterisk reads a certificate again only if its file's name stays the same."""

CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-AES128-GCM-SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
)
"""None exists before TLS 1.2, so that an older version is refused whatever this machine's OpenSSL allows."""

TRANSPORTS = frozenset({"udp", "tcp", "tls", "udp6", "tcp6", "tls6"})
"""The names of the transports."""


@dataclass(frozen=True, slots=True)
class Sip:
    """Settings of SIP besides UDP and TCP at Conf's `sip_bind`.

    `certificate` and `key`: the text of PEM files, empty for no TLS; `authorities`: the file of the authorities that
    servers' certificates must come from. `bind_ipv6`: the address for IPv6, empty for none. `external_address`: of this
    machine for those outside `own_networks`, empty without NAT.
    """

    certificate: str = ""
    key: str = field(default="", repr=False)
    authorities: Path | None = None
    bind_ipv6: str = ""
    external_address: str = ""
    own_networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, address in (("bind_ipv6", self.bind_ipv6), ("external_address", self.external_address)):
            try:
                _ = ip_address(address) if address else None
            except ValueError:
                raise AsteriskError(f"{what} is {address!r}; give an IP address.") from None
        for network in self.own_networks:
            checks.network("own_networks", network)
        if self.authorities is not None:
            checks.folder("authorities", self.authorities)

    @property
    def tls(self) -> bool:
        """Whether there is SIP over TLS."""
        return bool(self.certificate)

    def files(self) -> dict[str, str]:
        """Return the files beside `pjsip.conf`, by name."""
        return {CERTIFICATE_FILE: self.certificate, KEY_FILE: self.key} if self.tls else {}


NO_TLS = Sip()
"""UDP and TCP only."""
