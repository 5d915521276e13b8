"""`[mail]` of `site.toml`: the server that takes the e-mails of the desk."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$", max_length=253)]
EmailAddress = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$", max_length=254)
]
DisplayName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f<>@]*$", max_length=100)]


class Mail(BaseModel):
    """Settings of outgoing e-mail. Without `host`, none is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host | None = None
    port: int = Field(587, ge=1, le=65535)
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    authority: Path | None = None  # a PEM file with the authority of the server's certificate, if it is one of your own
    user: str | None = Field(None, min_length=1, max_length=200)
    password_file: Path | None = None  # its first line is the password
    sender: EmailAddress | None = None
    name: DisplayName = ""  # shown beside the sender's address

    @model_validator(mode="after")
    def _is_complete(self) -> "Mail":
        if self.host is not None and self.sender is None:
            raise ValueError("sender is missing: write the address that e-mails come from")
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together; write both or neither")
        if self.user is not None and self.encryption == "none" and not _is_loopback(self.host or ""):
            raise ValueError('the password would be readable on the way; write encryption = "starttls" or "tls"')
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
