"""The part `[routing]` of `site.toml`: the figures by which callers and operators are brought together.

What each does and why it is as it is: docs/routing.md (those of the policy), docs/returners.md, docs/hours.md.
"""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from routing.policy import Policy

_USUAL = Policy()
_LONGEST_S = 3600.0


class Routing(BaseModel):
    """The names are those of `routing.policy.Policy`, as far as they are the policy's. Seconds are of waiting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target_s: float = Field(_USUAL.target_s, gt=0, le=_LONGEST_S)
    passing: float = Field(_USUAL.passing, ge=0, le=_LONGEST_S)
    priority_s: float = Field(_USUAL.priority_s, ge=0, le=10 * _LONGEST_S)
    hold_s: float = Field(_USUAL.hold_s, ge=0, le=_LONGEST_S)
    few: int = Field(_USUAL.few, ge=0, le=1000)
    few_share: float = Field(_USUAL.few_share, ge=0, le=1)
    spare: int = Field(_USUAL.spare, ge=0, le=1000)
    prefer_s: float = Field(_USUAL.prefer_s, ge=0, le=_LONGEST_S)
    relax_s: float = Field(_USUAL.relax_s, ge=0, le=_LONGEST_S)

    other_language_s: float = Field(300, ge=0, le=_LONGEST_S)
    """After how long another language is offered to a caller whose own somebody on duty speaks; 0: never."""

    return_min: float = Field(10, ge=0, le=60)
    """How long a caller who was cut off may stay away and still take his old place; 0: he has none."""

    last_calls_min: int = Field(0, ge=0, le=240)
    """How long before closing a caller whose turn would come too late is told so; 0: nobody is."""

    head_start_s: None = None
    """Once a figure of its own."""

    @field_validator("head_start_s", mode="before")
    @classmethod
    def _follows_passing(cls, value: object) -> None:
        raise ValueError(
            "is no figure of its own any more; delete it: a language's head start is passing, by the share of the"
            " operators on duty who do not speak it"
        )

    @property
    def policy(self) -> Policy:
        return Policy(
            target_s=self.target_s,
            passing=self.passing,
            priority_s=self.priority_s,
            hold_s=self.hold_s,
            few=self.few,
            few_share=self.few_share,
            spare=self.spare,
            prefer_s=self.prefer_s,
            relax_s=self.relax_s,
        )
