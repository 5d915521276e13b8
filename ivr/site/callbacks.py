"""The section `[callbacks]` of `site.toml`: the carrier of our calls, the allowed hours, and how often we call."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ivr.model.e164 import country_of, main_country
from ivr.site.hours import SpanText
from ivr.site.wording import COUNTRY, written_as
from routing.hours import Span, parse_spans

Destination = Annotated[
    str, written_as(r"[A-Z]{2}|\+[1-9][0-9]{0,14}", "write a country, such as BE, or a prefix, such as +3247")
]


class CountrySum(BaseModel):
    """The most calls and minutes to the numbers of one country in a day; None: no limit of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(None, ge=0, le=100_000)
    minutes: float | None = Field(None, ge=0, le=1_000_000)


class Callbacks(BaseModel):
    """`trunk`: the usual carrier of our calls, None for no calls; `hours`: when, by the called party's clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trunk: str | None = None
    carriers: dict[Destination, str] = {}  # instead of `trunk`, by country (ISO) or prefix (+3247); the longest counts
    hours: Annotated[tuple[SpanText, ...], Field(min_length=1)] = ("08:00-20:00",)
    ring_s: float = Field(25, ge=3, le=90)  # ringing time
    again_min: float = Field(30, ge=0.01, le=1440)  # until the next try if not reached
    declined_min: float = Field(5, ge=0.01, le=1440)  # until the next try if an operator declined
    give_up_h: float = Field(
        24, ge=0.01, le=1440
    )  # of opening hours since it was due; then an open request becomes a case
    most_a_number: int = Field(3, ge=1, le=20)  # calls per day to one number
    most_a_day: int = Field(400, ge=1, le=100_000)  # calls per day in total
    most_a_country: int | None = Field(None, ge=0, le=100_000)  # calls per day to the numbers of one country
    country: dict[Annotated[str, written_as("[A-Z]{2}", COUNTRY)], CountrySum] = {}  # the same for one of them
    share: float = Field(1, gt=0, le=1)  # of the operators on duty, who call back at the same time
    cut_off: bool = False  # whether callers who waited or talked when Asterisk ended are called back without asking
    not_asked_days: int = Field(30, ge=0, le=3650)  # how long a number is left alone that had not asked for a call

    @property
    def trunks(self) -> frozenset[str]:
        """The carriers that get our calls."""
        return frozenset({self.trunk, *self.carriers.values()} if self.trunk is not None else ())

    def carrier_for(self, number: str) -> str | None:
        """Return the carrier of a call to this number (E.164): by prefix, by country, or the usual one, if any."""
        prefixes = [prefix for prefix in self.carriers if prefix.startswith("+") and number.startswith(prefix)]
        if prefixes:
            return self.carriers[max(prefixes, key=len)]
        country = country_of(number)
        for code in (country, main_country(country) if country is not None else None):
            if code in self.carriers:
                return self.carriers[code]
        return self.trunk

    def sum_for(self, number: str) -> CountrySum:
        """Return the limits of a day for the country of a number (E.164)."""
        code = country_of(number)
        main = main_country(code) if code is not None else None
        own = self.country.get(code or "") or self.country.get(main or "") or CountrySum()
        return own if own.calls is not None else own.model_copy(update={"calls": self.most_a_country})

    @property
    def windows(self) -> tuple[Span, ...]:
        return parse_spans(self.hours)

    @property
    def again(self) -> timedelta:
        return timedelta(minutes=self.again_min)

    @property
    def give_up(self) -> timedelta:
        return timedelta(hours=self.give_up_h)

    @property
    def declined(self) -> timedelta:
        return timedelta(minutes=self.declined_min)
