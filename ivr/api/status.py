"""The control API's view of the controller itself."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ivr.api.context import ControllerDep
from ivr.api.live import read_alarms, read_calls
from ivr.api.models import Alarm
from ivr.asterisk.refused_calls import refused_calls

router = APIRouter(tags=["status"])


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


class Status(BaseModel):
    """How the controller is doing."""

    ari: bool = Field(description="Whether it is connected to Asterisk and serves calls.")
    ami: bool = Field(description="Whether it is connected to Asterisk's manager interface.")
    flow: str = Field(description="The version of the flow that new calls go by.")
    calls: dict[str, int] = Field(description="How many calls are in each state.")
    refused: Refused | None = Field(description="Null while Asterisk's manager interface does not answer.")
    journal_waiting: int = Field(description="Records that are not on disk yet.")
    journal_dropped: int = Field(description="Records that were lost because the disk refused for too long.")
    open: bool = Field(description="Whether the site is open now.")
    probe: TestCall | None
    tasks: int = Field(description="Tasks of the controller: a number that must be as before once all calls are over.")
    channels: list[str] = Field(description="The channels that the controller follows.")


@router.get("/status")
async def status(controller: ControllerDep) -> Status:
    """Return how the controller is doing."""
    connection, probed = controller.connection, controller.last_probe
    calls: dict[str, int] = {}
    for call in read_calls(controller):
        calls[call.state] = calls.get(call.state, 0) + 1
    refused = await refused_calls(controller.ami)
    return Status(
        ari=connection is not None and connection.floor is not None,
        ami=controller.ami.connected,
        flow=controller.flows.current.name,
        calls=calls,
        refused=Refused(**refused) if refused is not None else None,
        journal_waiting=controller.journal.waiting,
        journal_dropped=controller.journal.dropped,
        open=controller.opening.answer().open,
        probe=(
            TestCall(at=probed.at, number=probed.number, answered_s=probed.answered_s, fault=probed.fault)
            if probed is not None
            else None
        ),
        tasks=len(asyncio.all_tasks()),
        channels=list(connection.channels) if connection is not None else [],
    )


@router.get("/alarms")
async def alarms(controller: ControllerDep) -> list[Alarm]:
    """Return what a person should look at now."""
    return read_alarms(controller)
