"""Bans for wrong passwords: `[bans]` of `site.toml`."""

from pydantic import BaseModel, ConfigDict, Field


class Bans(BaseModel):
    """How many wrong passwords ban an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(10, ge=0, le=1000)  # wrong passwords within ten minutes; 0: nobody is banned
