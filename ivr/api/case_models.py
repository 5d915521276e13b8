"""Case files, as the control API shows and takes them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from db.enums import CaseKind, CasePriority, CaseState
from ivr.api import models
from ivr.cases.case_rules import LONGEST


class CaseColumns(models.Request):
    """Columns of a case. One that is not named stays as it is; null empties one, where that is possible."""

    kind: CaseKind | None = None
    state: CaseState | None = None
    topic: str | None = Field(None, max_length=31, description="As in the flow.")
    language: str | None = Field(None, max_length=8)
    country: str | None = Field(None, max_length=2, description="ISO 3166.")
    post: str | None = Field(None, max_length=LONGEST["post"], description="The consular post that deals with it.")
    caller: str | None = Field(None, max_length=40, description="The applicant's number.")
    title: str | None = Field(None, max_length=LONGEST["title"], description="What it is about, in a few words.")
    applicant: str | None = Field(None, max_length=LONGEST["applicant"], description="The applicant's name.")
    missing: list[Annotated[str, Field(max_length=60)]] | None = Field(
        None, max_length=40, description="What the applicant still has to bring: the site's words."
    )
    expected: date | None = Field(None, description="When the applicant may expect the next step.")
    owner: str | None = Field(None, max_length=8, description="The operator who deals with it.")
    priority: CasePriority | None = None
    follow_up: date | None = Field(None, description="When its owner wants to look at it again.")
    due: datetime | None = Field(None, description="Without a zone, by the site's clock.")


class CaseOpening(CaseColumns):
    """A new case."""

    kind: CaseKind = CaseKind.ENQUIRY
    topic: str = Field(max_length=31, description="As in the flow.")
    language: str = Field(max_length=8)
    country: str = Field(max_length=2, description="ISO 3166.")
    title: str = Field(min_length=1, max_length=LONGEST["title"], description="What it is about, in a few words.")


class CaseChange(CaseColumns):
    """A change of a case."""

    version: str = Field(max_length=40, description="Of the case that the change is based on.")
    why: str = Field("", max_length=300, description="Kept in the note about the change.")


class CaseNoteText(models.Request):
    """A note in a case."""

    text: str = Field(min_length=1, max_length=LONGEST["text"])
    id: UUID | None = Field(None, description="Made by the client; the same one twice is one note.")
    call: UUID | None = Field(None, description="The call that it is about.")


class CaseNoteRow(BaseModel):
    """A note in a case."""

    at: datetime
    author: str
    text: str
    call: str | None


class CaseMessageRow(BaseModel):
    """A voice message that belongs to a case."""

    at: datetime
    category: str | None
    file: str = Field(description="In the line's home.")
    seconds: float | None
    text: str | None = Field(description="What a recogniser made of it.")
    text_language: str | None = Field(description="In which it was understood.")
    text_confidence: int | None = Field(description="The recogniser's, in percent.")
    text_why: str | None = Field(description="Why there is no text.")
    heard: datetime | None
    heard_by: str | None


class Case(BaseModel):
    """A case file."""

    reference: str
    version: str = Field(description="Changes with everything that people change in it.")
    kind: CaseKind
    state: CaseState
    topic: str | None
    language: str | None
    country: str | None
    post: str | None
    caller: str | None
    title: str | None
    applicant: str | None
    missing: list[str]
    expected: date | None
    owner: str | None
    priority: CasePriority
    follow_up: date | None
    due: datetime | None
    opened: datetime
    changed: datetime | None = Field(description="When its state last changed.")
    closed: datetime | None
    call: str | None = Field(description="The call in which it was opened.")
    pin: bool = Field(description="Whether its applicant can ask for its state by telephone.")
    notes: list[CaseNoteRow]
    messages: list[CaseMessageRow]


class CaseKept(BaseModel):
    """A change that the line has taken. It is kept, also if the database is away."""

    reference: str
    version: str | None = Field(
        description="Of the case as it is now. Null while the database is away: it was not compared with other changes."
    )


class CaseOpened(BaseModel):
    """A new case."""

    reference: str
    version: str
    pin: str = Field(description="With which its applicant asks for its state; it is not shown again.")


class CasePin(BaseModel):
    """The new PIN of a case."""

    reference: str
    pin: str = Field(description="Not shown again; the former one is wrong from now on.")
