"""The sheet on which supervisors score recorded conversations: `[scoring]` of `site.toml`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Criterion = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
PageLanguage = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Words = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Scoring(BaseModel):
    """The criteria of a score sheet, each scored from 1 to 5. Without criteria, nothing can be scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    criteria: dict[Criterion, dict[PageLanguage, Words]] = Field({}, max_length=20)  # with names for the desk's pages
