"""`[monitoring]` of `site.toml`: figures for Prometheus, and whether the line is healthy."""

from pydantic import BaseModel, ConfigDict

from ivr.site.addresses import BindAddress


class Monitoring(BaseModel):
    """Settings of `hatif monitor`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    listen: BindAddress = "127.0.0.1"  # whoever reaches it reads the figures: there is no password
