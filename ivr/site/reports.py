"""`[reports]` of `site.toml`: reports by e-mail, each morning, week and month."""

from datetime import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.site.wording import MAIL_ADDRESS, written_as

_ADDRESS = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)+"

Address = Annotated[str, Field(max_length=254), written_as(_ADDRESS, MAIL_ADDRESS)]
Addresses = Annotated[tuple[Address, ...], Field(max_length=50)]


class Reports(BaseModel):
    """Recipients of reports, by period. `at`: by the site's clock, on the day after the period."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: time = time(6, 30)
    language: Literal["fr", "ar", "en"] = "fr"
    daily: Addresses = ()
    weekly: Addresses = ()
    monthly: Addresses = ()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody gets one."""
        return bool(self.daily or self.weekly or self.monthly)
