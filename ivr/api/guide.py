"""The control API's view of the guide: what callers hear about each procedure, in one language."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.hours.opening import one_line
from ivr.site import guide as guides
from ivr.site.guide import Procedure, ProcedureStatus
from prompts.manifest import Manifest

router = make_router("guide")

_TITLE = "title"
_NOTICE = "guide_notice"


class GuideSource(BaseModel):
    """Where a fact is from."""

    field: str = Field(description="The name of the field, or `remarks.` and a country.")
    source: str
    as_of: str = Field(description="When it was known to be so: a year, month or day.")


class GuideProcedure(BaseModel):
    """A procedure, as callers hear it."""

    id: str
    status: ProcedureStatus = Field(description="`sample`: the ministry must confirm it.")
    title: str
    fields: dict[str, str] = Field(description="The text of each field, by its name, in the order of the steps.")
    remarks: dict[str, str] = Field(description="What is added for callers from a country, by its code.")
    sources: list[GuideSource]


class Guide(BaseModel):
    """The guide in one language."""

    version: str = Field(description="Of the flow that new calls go by; the guide belongs to it.")
    language: str
    notice: str = Field(description="What callers hear before a procedure that is a sample.")
    procedures: list[GuideProcedure]


class GuideGap(models.Request):
    """Something that a caller asked for, and that the guide does not have."""

    words: str = Field(max_length=200, description="What was looked for.")
    language: str = Field(max_length=3, description="The language of the words: one of the site's.")
    topic: str | None = Field(None, max_length=31, pattern=r"^[a-z][a-z0-9_]*$")
    call: UUID | None = Field(None, description="The call in which it was asked for.")


class GuideSent(models.Request):
    """A procedure that was sent to somebody by e-mail."""

    language: str = Field(max_length=3)
    domain: str = Field(max_length=255, description="Of the address; the address itself is not kept here.")
    call: UUID | None = Field(None, description="The call in which it was asked for.")


class Noted(BaseModel):
    """The note that the audit has now."""

    act: str


@router.get("/guide")
async def guide(
    controller: ControllerDep, language: Annotated[str, Query(max_length=3, description="One of the site's.")]
) -> Guide:
    """Return the guide that new calls go by. A text that has no audio in this language is left out."""
    _check_language(controller, language)
    version = controller.flows.current
    found = [_procedure(procedure, version.sounds, language) for procedure in version.guide.procedures.values()]
    notice = version.sounds.text(language, _NOTICE) or ""
    return Guide(version=version.name, language=language, notice=notice, procedures=found)


@router.post("/guide/gaps", status_code=201)
async def gap(controller: ControllerDep, actor: Actor, missing: GuideGap) -> Noted:
    """Note that the guide does not have something; `hatif audit --act guide_gap` lists what is missing."""
    _check_language(controller, missing.language)
    words = " ".join(missing.words.split())
    if not words:
        raise ApiError(422, "Nothing is named that the guide does not have.")
    call = str(missing.call) if missing.call is not None else None
    language, topic = missing.language, missing.topic
    audit(controller, actor, "guide_gap", "guide", call=call, words=words, language=language, topic=topic)
    return Noted(act="guide_gap")


@router.post("/guide/{procedure}/sent", status_code=201, responses=documented(404))
async def sent(controller: ControllerDep, actor: Actor, procedure: str, done: GuideSent) -> Noted:
    """Note that a procedure was sent to somebody by e-mail, without their address. The line itself sends nothing."""
    if procedure not in controller.flows.current.guide.procedures:
        raise ApiError(404, f"The guide has no procedure {procedure[:40]!r}; `hatif guide` lists them.")
    _check_language(controller, done.language)
    call = str(done.call) if done.call is not None else None
    language, domain = done.language, one_line(done.domain.strip(), 255)
    audit(controller, actor, "guide_sent", f"guide:{procedure}", call=call, language=language, domain=domain)
    return Noted(act="guide_sent")


def _check_language(controller: Controller, language: str) -> None:
    if language not in controller.site.languages:
        raise ApiError(422, f"{language!r} is not a language of this site: {', '.join(controller.site.languages)}.")


def _procedure(procedure: Procedure, sounds: Manifest, language: str) -> GuideProcedure:
    def text(ids: tuple[str, ...]) -> str:
        return " ".join(spoken for text_id in ids if (spoken := sounds.text(language, text_id)))

    fields = {name: text(ids) for name, ids in procedure.texts.items() if name != _TITLE}
    return GuideProcedure(
        id=procedure.id,
        status=procedure.status,
        title=text((guides.title(procedure.id),)).rstrip(" ,،"),
        fields={name: spoken for name, spoken in fields.items() if spoken},
        remarks={country: text(ids) for country, ids in procedure.remarks.items()},
        sources=[
            GuideSource(field=name, source=found.source, as_of=found.as_of) for name, found in procedure.sources.items()
        ],
    )
