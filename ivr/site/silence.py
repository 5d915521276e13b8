"""`[silence]` of `site.toml`: when a caller or a telephone that sends nothing is asked whether it is still there."""

from pydantic import BaseModel, ConfigDict, Field


class Silence(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    silent_s: float = Field(10, ge=1, le=60)  # without sound or reports on it
    again_s: float = Field(20, ge=1, le=600)  # after an answer
    answer_s: float = Field(16, ge=6.4, le=32)  # what does not answer in this time is gone; Asterisk allows no less
