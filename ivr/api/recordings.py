"""The control API's part about recorded conversations: who has heard one, and how it was scored."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, Field

from db.recording_data import RecordedCall
from ivr.api import models
from ivr.api.context import Actor, ControllerDep, audit
from ivr.api.problems import ApiError, documented, present
from ivr.api.router import make_router
from ivr.controller.controller import Controller
from ivr.model import clock

router = make_router("recordings", "/recordings")

RecordingId = Annotated[UUID, Path(alias="recording", description="The id of the recording.")]


class ScoreSheet(models.Request):
    """A supervisor's scores of a conversation. Sent again, it replaces the earlier one of the same person."""

    scores: dict[str, Annotated[int, Field(ge=1, le=5)]] = Field(
        min_length=1, max_length=20, description="1 to 5 by criterion of the site."
    )
    remark: str = Field("", max_length=1000)


class Hearing(models.Request):
    """Why somebody listens to a recording."""

    reason: str = Field("", max_length=40, description="In one word, such as `complaint`.")


class RecordingNoted(BaseModel):
    """The recording that it was about."""

    recording: UUID
    operator: str | None = Field(description="Whose conversation it was.")


@router.post("/{recording}/heard", responses=documented(404, 503))
async def heard(
    controller: ControllerDep, actor: Actor, recording_id: RecordingId, hearing: Hearing | None = None
) -> RecordingNoted:
    """Note in the audit that the actor listens to a recorded conversation."""
    found = await _find(controller, recording_id)
    about = f"recording:{recording_id}"
    reason = hearing.reason if hearing is not None else ""
    audit(controller, actor, "recording_heard", about, reason=reason, call=str(found.call), operator=found.operator)
    return RecordingNoted(recording=recording_id, operator=found.operator)


@router.put("/{recording}/scores", responses=documented(404, 409, 503))
async def score(
    controller: ControllerDep, actor: Actor, recording_id: RecordingId, sheet: ScoreSheet
) -> RecordingNoted:
    """Keep how the actor scores a recorded conversation. 409 if nobody knows whose it was."""
    unknown = sheet.scores.keys() - controller.site.scoring.criteria.keys()
    if unknown:
        known = ", ".join(controller.site.scoring.criteria) or "none; see [scoring] of site.toml"
        raise ApiError(422, f"{', '.join(sorted(unknown))} is not a criterion of this site: {known}.")
    found = await _find(controller, recording_id)
    if found.operator is None:
        raise ApiError(409, "Nobody knows whose conversation that was.", "no_operator")
    controller.journal.put(
        "score_sheet",
        recording_id=recording_id,
        by=actor,
        call_id=found.call,
        operator_id=found.operator,
        recorded=found.started,
        at=clock.now(),
        scores=sheet.scores,
        remark=sheet.remark,
    )
    audit(
        controller,
        actor,
        "recording_scored",
        f"recording:{recording_id}",
        call=str(found.call),
        operator=found.operator,
    )
    return RecordingNoted(recording=recording_id, operator=found.operator)


async def _find(controller: Controller, identity: UUID) -> RecordedCall:
    return present(await controller.recordings.find(identity), controller.recordings.why)
