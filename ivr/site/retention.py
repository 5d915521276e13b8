"""How long what is kept: `[retention]` of `site.toml`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Days = Annotated[int, Field(ge=1, le=36_500)] | None
"""None: for ever."""


class Retention(BaseModel):
    """After how many days what is deleted, kind by kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: Days = None  # with their events, decisions, answers to the survey; ended requests; callers' languages
    recordings: Days = None  # the audio of conversations
    messages: Days = None  # the audio and the text of voice messages
    cases: Days = None  # after they were closed, with their notes
    audit: Days = None
    logs: Days = None
    journals: Days = None  # what the database refused
    backups: Days = None  # those in HATIF_HOME/backups
