"""The control API's view of the guide: what callers hear about each procedure, in one language."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from ivr.api.context import ControllerDep
from ivr.api.problems import ApiError
from ivr.api.router import make_router
from ivr.controller.controller import Controller
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


@router.get("/guide")
async def guide(
    controller: ControllerDep, language: Annotated[str, Query(max_length=3, description="One of the site's.")]
) -> Guide:
    """Return the guide that new calls go by. A text that has no audio in this language is left out."""
    check_language(controller, language)
    version = controller.flows.current
    found = [_procedure(procedure, version.sounds, language) for procedure in version.guide.procedures.values()]
    notice = version.sounds.text(language, _NOTICE) or ""
    return Guide(version=version.name, language=language, notice=notice, procedures=found)


def check_language(controller: Controller, language: str) -> None:
    """Raise ApiError for a language that the site does not have."""
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
