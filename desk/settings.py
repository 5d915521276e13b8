"""Settings of the desk, which `hatif desk` composes from the site and the installation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

PORT = 8080
TELEPHONE_PORT = 8089


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server, and the sender of the e-mails."""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    authority: Path | None = None
    """Of the server's certificate, a PEM file; without it, the system's authorities."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str = ""
    """Shown beside the sender's address."""


@dataclass(frozen=True, slots=True)
class ReportMail:
    """Recipients of reports by e-mail. `at`: by the site's clock, on the day after the period.

    `addresses`: by `day`, `week` and `month`.
    """

    at: time
    language: str
    addresses: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """The settings of one desk."""

    timezone: str
    """Of the site, such as Africa/Casablanca."""
    languages: tuple[str, ...]
    """Of callers, in the order of the site."""
    database_url: str
    control_port: int
    control_token: str = field(repr=False)
    port: int = PORT
    listen: str = "127.0.0.1"
    host: str = "localhost"
    """The name by which browsers reach `listen`."""
    address: str | None = None
    """Where browsers reach the desk, if that is another one, as behind a proxy: https://desk.example.org"""
    certificate: Path | None = None
    key: Path | None = None
    home: Path | None = None
    """HATIF_HOME, where the sound of messages is."""
    journal: Path | None = None
    """The folder of the journal, for the traces of what people read; without it, strangers' files are not shown."""
    node: str = ""
    """The name of the line's node, for the journal."""
    node_number: int = 1
    """With which its new cases' references begin."""
    case_references: Path | None = None
    """The file of references for new cases."""
    pin_pepper: str = field(default="", repr=False)
    """The secret that PINs of cases are sealed with."""
    site_folder: Path | None = None
    """Whose catalogues have the names of topics and of pauses."""
    mail: MailSettings | None = None
    """None: no e-mail can be sent."""
    reports: ReportMail | None = None
    """None: no report is sent by e-mail."""
    site_name: str = ""
    has_try: bool = False
    """Whether people may call the site's numbers from the page *Try the line*."""
    telephone_port: int = TELEPHONE_PORT
    """Of the gate to which the browser telephone connects (`ivr/process/telephone_gate.py`)."""
    factor_key: str = field(default="", repr=False)
    """From which the secrets of second factors are computed."""
    administrators_need_factor: bool = True
    """Whether administrators must have a second factor, if the desk asks for any."""
    connections: int = 10
    """To the database, at most."""

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers reach the desk by TLS, its own or a proxy's."""
        return self.certificate is not None or (self.address or "").startswith("https://")

    @property
    def asks_factor(self) -> bool:
        """Whether people are asked for their second factor: not where only this machine reaches the desk."""
        return self.address is not None or not ip_address(self.listen).is_loopback

    @property
    def is_behind_proxy(self) -> bool:
        """Whether a proxy says where requests come from."""
        return self.address is not None and self.certificate is None

    @property
    def telephone_url(self) -> str | None:
        """Where a proxy passes the telephones' WebSocket on; None: at the gate's own port."""
        return f"{self.url.replace('http', 'ws', 1)}/ws" if self.is_behind_proxy else None

    @property
    def url(self) -> str:
        """The address of the desk, without a slash at its end."""
        if self.address is not None:
            return self.address.rstrip("/")
        scheme = "https" if self.certificate is not None else "http"
        return f"{scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
