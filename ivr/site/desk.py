"""`[desk]` of `site.toml`: the operators' web page, and where browsers reach it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.site.addresses import BindAddress

PublicAddress = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$", max_length=200)]


class Desk(BaseModel):
    """Settings of the desk. Without it, nothing of it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    listen: BindAddress = "127.0.0.1"
    address: PublicAddress | None = None  # as browsers reach it through a proxy with TLS
    certificate: Path | None = None  # of the desk's own TLS, with `key`; PEM files
    key: Path | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Desk":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; write both or neither")
        return self
