"""The control API's view of the consulates: those of a country, in one language."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from ivr.api.context import ControllerDep
from ivr.api.guide import check_language
from ivr.api.router import make_router
from ivr.site import consulates
from ivr.site.guide import ProcedureStatus
from prompts.manifest import Manifest

router = make_router("guide")


class Consulate(BaseModel):
    """A consulate. Texts that have no audio in the language are empty."""

    city: str
    languages: tuple[str, ...] = Field(description="Those that are spoken there.")
    address: str
    hours: str
    appointment: str = Field(description="How one makes an appointment.")
    telephone: str
    duty: str = Field(description="The number for emergencies, when it is closed.")
    not_done: str = Field(description="What it does not do.")
    status: ProcedureStatus = Field(description="`sample`: the ministry must confirm it.")


@router.get("/consulates")
async def of_country(
    controller: ControllerDep,
    country: Annotated[str, Query(pattern="^[A-Z]{2}$", description="The ISO code of where the caller is.")],
    language: Annotated[str, Query(max_length=3, description="One of the site's.")],
) -> list[Consulate]:
    """Return the consulates that callers from a country hear, in the order of their keys; none if it has none."""
    check_language(controller, language)
    version = controller.flows.current
    return [_consulate(entry, version.sounds, language) for entry in version.consulates.of(country)]


def _consulate(entry: consulates.Consulate, sounds: Manifest, language: str) -> Consulate:
    def text(name: str) -> str:
        return sounds.text(language, name) or ""

    return Consulate(
        city=text(entry.city).rstrip(" ,،"),
        languages=entry.languages,
        address=text(entry.address),
        hours=text(entry.hours),
        appointment=text(entry.appointment),
        telephone=entry.telephone,
        duty=entry.duty,
        not_done=text(entry.not_done),
        status=entry.status,
    )
