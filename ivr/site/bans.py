"""Bans for wrong passwords: `[bans]` of `site.toml`."""

from pydantic import BaseModel, ConfigDict, Field


class Bans(BaseModel):
    """How many wrong passwords ban an address, and for how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(10, ge=0, le=1000)  # wrong passwords; 0: nobody is banned
    within_min: float = Field(10, gt=0, le=1440)
    first_min: float = Field(10, gt=0, le=1440)  # the first ban; each further one lasts twice as long
    longest_h: float = Field(24, gt=0, le=720)
