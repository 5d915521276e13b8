"""From which values on a supervisor is alarmed: `[alarms]` of `site.toml`."""

from pydantic import BaseModel, ConfigDict, Field

from routing.thresholds import Thresholds


class Alarms(BaseModel):
    """Limits whose excess is an alarm; 0: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    waiting: int = Field(10, ge=0, le=10_000)  # so many callers wait
    waiting_s: float = Field(180, ge=0, le=86_400)  # the longest wait, by language
    service_level: float = Field(0.7, ge=0, le=1)  # of the last half hour, after ten calls: fewer were answered in time
    abandoned: float = Field(0.2, ge=0, le=1)  # of the same: a larger share gave up

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(**self.model_dump())
