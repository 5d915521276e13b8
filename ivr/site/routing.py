"""The section `[routing]` of `site.toml`: the figures of the routing policy, of returning callers and of closing time.

docs/routing.md (the policy's), docs/returners.md and docs/hours.md explain each figure and its default.
"""

from pydantic import BaseModel, ConfigDict, Field

from routing.policy import Policy

_USUAL = Policy()
_LONGEST_S = 3600.0


class Routing(BaseModel):
    """Figures of routing; those of the policy have the names of `routing.policy.Policy`. Seconds are waiting time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passing: float = Field(_USUAL.passing, ge=0, le=_LONGEST_S)
    hold_s: float = Field(_USUAL.hold_s, ge=0, le=_LONGEST_S)
    prefer_s: float = Field(_USUAL.prefer_s, ge=0, le=_LONGEST_S)
    relax_s: float = Field(_USUAL.relax_s, ge=0, le=_LONGEST_S)

    other_language_s: float = Field(300, ge=0, le=_LONGEST_S)
    """When to offer another language although an operator on duty speaks the caller's; 0: never."""

    return_min: float = Field(10, ge=0, le=60)
    """The time in which a caller who was cut off can return to their old position; 0: none."""

    last_calls_min: int = Field(0, ge=0, le=240)
    """The time before closing from which callers hear if their turn will come too late; 0: never."""

    @property
    def policy(self) -> Policy:
        return Policy(passing=self.passing, hold_s=self.hold_s, prefer_s=self.prefer_s, relax_s=self.relax_s)
