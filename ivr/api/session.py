"""What the control API asks of the connection to Asterisk, and what it says without one."""

from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from ivr.controller.connection import Connection
    from ivr.controller.controller import Controller
    from ivr.floor.client import FloorClient


def connected(controller: "Controller") -> "tuple[Connection, FloorClient]":
    """The session and its floor; 503 while there is none."""
    session = controller.connection
    if session is None or session.floor is None:
        raise HTTPException(503, "The controller is not connected to Asterisk; try again in a moment.")
    return session, session.floor
