"""The context of the control API's operations: the controller, its connection to Asterisk, and the acting person."""

from typing import Annotated

from fastapi import Depends, Header, Request

from ivr.api.problems import ApiError
from ivr.controller.connection import Connection
from ivr.controller.controller import Controller
from ivr.floor.client import FloorClient

ACTOR_HEADER = "Hatif-Actor"
ACTOR_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.@+\\-]{0,39}$"

Actor = Annotated[
    str,
    Header(
        alias=ACTOR_HEADER,
        pattern=ACTOR_PATTERN,
        description="Who asks for the change, such as a login name. It is kept in the audit.",
    ),
]


async def controller_of(request: Request) -> Controller:
    """Return the controller that this application belongs to."""
    controller: Controller = request.app.state.controller
    return controller


ControllerDep = Annotated[Controller, Depends(controller_of)]


def connected(controller: Controller) -> tuple[Connection, FloorClient]:
    """Return the connection to Asterisk and its floor. Raises ApiError (503) while there is none."""
    connection = controller.connection
    if connection is None or connection.floor is None:
        raise ApiError(503, "The controller is not connected to Asterisk; try again in a moment.")
    return connection, connection.floor


def audit(
    controller: Controller,
    actor: str,
    act: str,
    about: str | None = None,
    *,
    reason: str = "",
    call: str | None = None,
    **data: str | float | bool | None,
) -> None:
    """Keep who changed what; `hatif audit` shows it."""
    controller.journal.put("audit", by=actor, act=act, about=about, reason=reason or None, call_id=call, data=data)
