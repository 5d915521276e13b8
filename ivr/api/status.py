"""The control API's view of the controller itself."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from ivr.api.context import Actor, ControllerDep, audit, connected
from ivr.api.hours import AFTER_RESTORE
from ivr.api.live import read_alarms, read_calls, read_limits, read_queue
from ivr.api.models import Request
from ivr.api.problems import ApiError, documented
from ivr.api.router import make_router
from ivr.asterisk.ami import AmiError
from ivr.asterisk.refused_calls import refused_calls
from ivr.controller.controller import Controller
from ivr.hours.drain import Drain
from ivr.hours.opening import one_line
from ivr.model import clock
from wire.live import Acknowledgement, Alarm

router = make_router("status")

REFUSED_S = 0.5
"""How long Asterisk has to tell its counts of refused calls, in seconds."""


class Refused(BaseModel):
    """How many calls each limit has refused since Asterisk began."""

    number: int
    source: int
    all: int


class TestCall(BaseModel):
    """The last call that the line made to itself."""

    __test__ = False  # for pytest, which would collect it

    at: float = Field(description="POSIX seconds.")
    number: str
    answered_s: float | None = Field(description="From dialling to the answer; null where there was none.")
    fault: str | None


class MissingPrompts(BaseModel):
    """How many texts that the flow says have no audio, by language."""

    menus: dict[str, int] = Field(description="Of menus, and of the choice of a language.")
    others: dict[str, int]
    builds: bool = Field(description="Whether it is being made now.")


class Drained(BaseModel):
    """That no new calls are taken."""

    refuse: bool = Field(description="Carriers get 503 for them; otherwise callers hear that the line is closed.")
    since: float = Field(description="POSIX seconds.")
    by: str


class Status(BaseModel):
    """How the controller is doing."""

    ari: bool = Field(description="Whether it is connected to Asterisk and serves calls.")
    ami: bool = Field(description="Whether it is connected to Asterisk's manager interface.")
    floor: bool = Field(description="Whether the floor, which offers calls to operators, answers within a second.")
    flow: str = Field(description="The version of the flow that new calls go by.")
    calls: dict[str, int] = Field(description="How many calls are in each state.")
    refused: Refused | None = Field(description="Null while Asterisk's manager interface does not answer.")
    limits: dict[str, int] = Field(description="How often each limit on callers was reached: docs/limits.md.")
    journal_waiting: int = Field(description="Records that are not on disk yet.")
    journal_dropped: int = Field(description="Records that were lost because the disk refused for too long.")
    open: bool = Field(description="Whether the site is open now.")
    drained: Drained | None = Field(description="Null: calls are taken.")
    probe: TestCall | None
    prompts: MissingPrompts
    sample_consulates: dict[str, int] = Field(
        description="How many of the consulates that callers may hear are samples, by country."
    )
    tasks: int = Field(description="Tasks of the controller: a number that must be as before once all calls are over.")
    channels: list[str] = Field(description="The channels that the controller follows.")


class AlarmAcknowledged(Request):
    """The person who sees to an alarm."""

    name: str = Field("", max_length=60, description="The name that others are shown; absent: the actor.")


class Outlook(BaseModel):
    """Expected waits. They are estimates: docs/waiting.md says from what."""

    expected_s: dict[str, float | None] = Field(
        description="Seconds, by language of the site: 0 if an operator is free and nobody waits, null if not known."
    )


class DrainChange(Request):
    """Whether new calls are taken."""

    refuse: bool | None = Field(
        description="True: carriers get 503. False: callers hear that it is closed. Null: they are taken again."
    )


def read_drained(controller: Controller) -> Drained | None:
    """Return that no new calls are taken, if so."""
    found = controller.opening.drained
    return Drained(refuse=found.refuse, since=found.since.timestamp(), by=found.by) if found is not None else None


@router.put("/drain", dependencies=AFTER_RESTORE, responses=documented(503))
async def drain(controller: ControllerDep, actor: Actor, change: DrainChange) -> Status:
    """Take no new calls, from the next one on, or take them again. Calls that are up go on."""
    wanted = Drain(change.refuse, clock.now(), actor) if change.refuse is not None else None
    try:
        await controller.opening.set_drained(wanted)
    except AmiError as error:
        raise ApiError(503, f"Nothing was changed: {error}") from None
    audit(controller, actor, "drain" if wanted is not None else "drain_ended", refuse=change.refuse)
    controller.changed.set()
    return await status(controller)


@router.get("/status")
async def status(controller: ControllerDep) -> Status:
    """Return how the controller is doing."""
    connection, probed = controller.connection, controller.last_probe
    calls: dict[str, int] = {}
    for call in read_calls(controller):
        calls[call.state] = calls.get(call.state, 0) + 1
    refused = None
    with suppress(TimeoutError):  # an Asterisk that hangs must not make this controller look as if it did
        async with asyncio.timeout(REFUSED_S):
            refused = await refused_calls(controller.ami)
    return Status(
        ari=connection is not None and connection.floor is not None,
        ami=controller.ami.connected,
        floor=controller.floor_runner.answers and controller.floor_runner.serves,
        flow=controller.flows.current.name,
        calls=calls,
        refused=Refused(**refused) if refused is not None else None,
        limits=read_limits(controller),
        journal_waiting=controller.journal.waiting,
        journal_dropped=controller.journal.dropped,
        open=controller.opening.answer().open,
        drained=read_drained(controller),
        probe=(
            TestCall(at=probed.at, number=probed.number, answered_s=probed.answered_s, fault=probed.fault)
            if probed is not None
            else None
        ),
        prompts=MissingPrompts(
            menus=dict(controller.prompts.missing.menus),
            others=dict(controller.prompts.missing.others),
            builds=controller.prompts.builds,
        ),
        sample_consulates=_sample_consulates(controller),
        tasks=len(asyncio.all_tasks()),
        channels=list(connection.channels) if connection is not None else [],
    )


def _sample_consulates(controller: Controller) -> dict[str, int]:
    version = controller.flows.current
    return version.consulates.samples_by_country if version.flow.speaks_of_consulates else {}


@router.get("/alarms")
async def alarms(controller: ControllerDep) -> list[Alarm]:
    """Return what a person should look at now."""
    return read_alarms(controller, await read_queue(controller))


@router.post("/alarms/{alarm}/acknowledge", responses=documented(404))
async def acknowledge(
    controller: ControllerDep,
    actor: Actor,
    alarm_id: Annotated[str, Path(alias="alarm", max_length=100, description="The id of the alarm.")],
    body: AlarmAcknowledged,
) -> Alarm:
    """Note that somebody sees to an alarm, for as long as it lasts. Who did so first stays. 404 if it is over."""
    found = next((alarm for alarm in await alarms(controller) if alarm.id == alarm_id), None)
    if found is None:
        raise ApiError(404, f"There is no alarm {alarm_id!r} at this moment; `hatif operators` and the desk show them.")
    seen = controller.acknowledgements.acknowledge(found.id, found.since, actor, one_line(body.name, 60))
    controller.changed.set()
    return replace(found, acknowledged=Acknowledgement(by=seen.by, name=seen.name, at=seen.at))


@router.get("/outlook", responses=documented(503))
async def outlook(controller: ControllerDep) -> Outlook:
    """Return what a caller who began to wait now could expect, by language."""
    _, floor = connected(controller)
    return Outlook(expected_s=dict(await floor.outlook(controller.site.languages)))
