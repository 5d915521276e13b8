"""A change of the site's files, as it is kept and shown."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ivr.site_changes.edits import SiteEdit


class ChangeState(StrEnum):
    """How far a change is."""

    CHECKING = "checking"
    READY = "ready"
    """Checked without new errors; it can be released."""
    REFUSED = "refused"
    """It cannot be released: `why`, or new errors among the findings."""
    RELEASED = "released"
    TAKEN_BACK = "taken_back"
    """It was released, and a later change took it back."""


class EffectState(StrEnum):
    """How far the line is with what a released change needs."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class FoundFinding(Kept):
    """A finding of `hatif check` that the site has not got without the change."""

    code: str = Field(description="E_… is an error, W_… a warning; docs/check.md lists them.")
    file: str
    line: int
    found: str
    remedy: str


class ChangedFile(Kept):
    """A file, with the hashes of its content before and after; null where it does not exist."""

    file: str
    before: str | None
    after: str | None


class Effect(Kept):
    """The work of the line after a release."""

    state: EffectState
    audio: bool = Field(description="Whether prompts are built: the next call hears them once that is done.")
    reload: bool = Field(description="Whether `hatif reload` has to bring values that the processes run with.")
    detail: str = Field("", description="Why it failed, or what was done.")
    version: str | None = Field(None, description="The version of the flow that new calls go by since then.")


class Change(Kept):
    """A change of the site's files."""

    id: str
    title: str
    by: str = Field(description="Who made it.")
    made: datetime
    state: ChangeState
    files: tuple[ChangedFile, ...] = ()
    difference: str = Field("", description="A unified difference of all its files.")
    findings: tuple[FoundFinding, ...] = ()
    why: str = Field("", description="Why it is refused, in a sentence.")
    released: datetime | None = None
    released_by: str | None = None
    takes_back: str | None = Field(None, description="The change that this one takes back.")
    taken_back_by: str | None = Field(None, description="The change that took this one back.")
    commit: str | None = Field(None, description="Its commit, where the site's folder is a git repository.")
    effect: Effect | None = Field(None, description="What the line does with it; null before the release.")


class KeptChange(Change):
    """A change with what only we need."""

    edits: tuple[SiteEdit, ...] = ()
    base: str = ""
    """The hash of all files of the site as they were when it was checked."""
    release_by: str | None = None
    """The person who asked for its release as soon as it is checked."""
    name: str = ""
    """The name of the person who releases it, for the commit."""


class ChangeError(Exception):
    """A request that is refused: a code for programs, and a sentence. Nothing was changed."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
