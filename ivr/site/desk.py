"""`[desk]` of `site.toml`: the operators' web page, and where browsers reach it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.site.addresses import BindAddress
from ivr.site.wording import MAIL_ADDRESS, written_as

PublicAddress = Annotated[
    str,
    Field(max_length=200),
    written_as("https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", "write it without a path, such as https://desk.example.org"),
]


class Mail(BaseModel):
    """The mail server by which operators send procedures of the guide; the password is in HATIF_SMTP_PASSWORD."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[
        str,
        Field(max_length=253),
        written_as("[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?", "write a name or an address, such as mail.example.org"),
    ]
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    authority: Path | None = None  # of the server's certificate, if it is one of your own; a PEM file
    sender: Annotated[
        str,
        Field(max_length=200),
        written_as(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", MAIL_ADDRESS),
    ]
    # Beside the address.
    name: Annotated[str, Field(max_length=100), written_as(r"[^\x00-\x1f\x7f<>@]*", "write it without < > @")] = ""
    user: str | None = Field(None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _hides_the_password(self) -> "Mail":
        if self.user is not None and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError('the password could be read on the way; write security = "starttls" or "tls"')
        return self


class Desk(BaseModel):
    """Settings of the desk. Without it, nothing of it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def has_try(self) -> bool:
        """Whether people can try the line from their browsers."""
        return self.enabled and self.offers_try

    enabled: bool = False
    listen: BindAddress = "127.0.0.1"
    address: PublicAddress | None = None  # as browsers reach it through a proxy with TLS
    certificate: Path | None = None  # of the desk's own TLS, with `key`; PEM files
    key: Path | None = None
    # Whether administrators must have a second factor, where others than this machine can reach the desk.
    administrators_need_factor: bool = True
    mail: Mail | None = None
    # Whether the page *Try the line* calls the site's numbers (docs/try.md).
    offers_try: bool = Field(False, alias="try")

    @model_validator(mode="after")
    def _is_complete(self) -> "Desk":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; write both or neither")
        return self
