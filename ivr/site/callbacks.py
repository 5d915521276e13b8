"""The part `[callbacks]` of `site.toml`: through whom we call, in which hours of the called, and how often."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ivr.site.hours import SpanText, spans
from routing.hours import Span


class Callbacks(BaseModel):
    """`trunk`: the carrier that our calls go through; None: nobody is called. `hours`: by the clock of whoever is
    called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trunk: str | None = None
    hours: Annotated[tuple[SpanText, ...], Field(min_length=1)] = ("08:00-20:00",)
    ring_s: float = Field(25, ge=3, le=90)  # how long a number is rung
    again_min: float = Field(30, ge=0.01, le=1440)  # after one that was not reached
    declined_min: float = Field(5, ge=0.01, le=1440)  # after an operator who declined
    give_up_h: float = Field(
        24, ge=0.01, le=1440
    )  # of the open line, since it was due; then one that nobody took becomes a file
    most_a_number: int = Field(3, ge=1, le=20)  # how often one number is dialled a day
    most_a_day: int = Field(400, ge=1, le=100_000)  # and all of them together

    @property
    def windows(self) -> tuple[Span, ...]:
        return spans(self.hours)

    @property
    def again(self) -> timedelta:
        return timedelta(minutes=self.again_min)

    @property
    def give_up(self) -> timedelta:
        return timedelta(hours=self.give_up_h)

    @property
    def declined(self) -> timedelta:
        return timedelta(minutes=self.declined_min)
