"""The section `[silence]` of `site.toml`: when a caller or a telephone that sends nothing is checked."""

from pydantic import BaseModel, ConfigDict, Field


class Silence(BaseModel):
    """Times after which a silent party is checked, and after which it counts as gone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    silent_s: float = Field(10, ge=1, le=60)  # without audio or reports about it
    again_s: float = Field(20, ge=1, le=600)  # until the next check after an answer
    answer_s: float = Field(16, ge=6.4, le=32)  # without an answer for this time it is gone; Asterisk's minimum is 6.4
