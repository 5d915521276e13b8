"""The sheet on which supervisors score recorded conversations: `[scoring]` of `site.toml`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ivr.site.wording import LANGUAGE, plain_word, written_as

Criterion = Annotated[str, written_as("[a-z][a-z0-9_]{0,30}", plain_word(31))]
PageLanguage = Annotated[str, written_as("[a-z]{2,3}", LANGUAGE)]
Words = Annotated[str, Field(min_length=1, max_length=60), written_as(r"[^\x00-\x1f\x7f]*", "write it in one line")]


class Scoring(BaseModel):
    """The criteria of a score sheet, each scored from 1 to 5. Without criteria, nothing can be scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    criteria: dict[Criterion, dict[PageLanguage, Words]] = Field({}, max_length=20)  # with names for the desk's pages
