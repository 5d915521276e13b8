"""When guessing the PINs of case files is noticed: `[pins]` of `site.toml`."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Pins(BaseModel):
    """How many files whose PIN was entered wrongly within an hour are more than honest mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alarm_files: int = Field(30, ge=2, le=10_000)  # alarm
    operators_files: int = Field(60, ge=2, le=10_000)  # strangers get an operator until it is fewer than `alarm_files`

    @model_validator(mode="after")
    def _alarm_first(self) -> Self:
        if self.operators_files < self.alarm_files:
            raise ValueError(
                f"operators_files ({self.operators_files}) is less than alarm_files ({self.alarm_files}); people must"
                " be told before PINs are no longer checked, so write at least as many"
            )
        return self
