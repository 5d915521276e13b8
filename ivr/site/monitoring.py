"""`[monitoring]` of `site.toml`: figures for Prometheus, and whether the line is healthy."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ivr.site.addresses import BindAddress

CollectorAddress = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?$", max_length=200)]


class Monitoring(BaseModel):
    """Settings of `hatif monitor`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    listen: BindAddress = "127.0.0.1"  # whoever reaches it reads the figures: there is no password
    traces: CollectorAddress | None = None  # of an OpenTelemetry collector (OTLP over HTTP): a trace for each call
