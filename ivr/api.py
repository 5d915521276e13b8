"""The control API: how the command line (later the desk and the guard) sees and changes what lives.

On the loopback only, with the token of the installation.
"""

import hmac
import logging
import time
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

from ivr import api_hours
from ivr.messages import State
from ivr.site import SiteError
from prompts.manifest import ManifestError
from routing.match import step_at
from routing.states import Operator, Trigger

if TYPE_CHECKING:
    from ivr.controller import Controller

BY_HAND = {"ready": Trigger.RESUME, "paused": Trigger.PAUSE, "away": Trigger.LOG_OUT}
"""What a person may ask for, and what that is on the floor."""


class OperatorWish(BaseModel):
    state: str
    reason: str = Field("", max_length=30, pattern=r"^[a-z0-9_]*$")


def _operator(operator: Operator) -> dict[str, Any]:
    return {
        "state": operator.state.value,
        "reason": operator.reason or None,
        "since": operator.since,
        "until": operator.until,
        "telephone": operator.present,
        "pause_after": operator.pause_after,
    }


def application(controller: "Controller") -> FastAPI:
    token = controller.credentials.control_token

    def allowed(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise HTTPException(401, "The token of secrets.json is needed.")

    api = FastAPI(title="Hatif control API", dependencies=[Depends(allowed)], docs_url=None, redoc_url=None)

    @api.get("/status")
    async def status() -> dict[str, Any]:
        session = controller.session
        calls: dict[str, int] = {}
        for call in session.calls if session is not None else ():
            state = "talking" if call.state.offer else "waiting" if call.state.since is not None else "menu"
            calls[state] = calls.get(state, 0) + 1
        return {
            "ari": session is not None and session.floor is not None,
            "ami": controller.ami.connected,
            "flow": controller.flows.current.name,
            "calls": calls,
            "journal_waiting": controller.journal.waiting,
            "journal_dropped": controller.journal.dropped,
            "open": controller.opening.answer().open,
        }

    @api.post("/flow/reload")
    async def reload() -> dict[str, Any]:
        """What is saved becomes what new calls hear, if it is in order; 422 and every mistake if it is not."""
        former = controller.flows.current.name
        try:
            version = await controller.flows.reload()
        except (SiteError, ManifestError) as error:
            raise HTTPException(422, str(error)) from None
        return {"version": version.name, "former": former}

    @api.get("/operators")
    async def operators() -> dict[str, Any]:
        floor = controller.session.floor if controller.session is not None else None
        return {each.id: _operator(each) for each in floor.operators.values()} if floor is not None else {}

    @api.post("/operators/{identity}/state")
    async def operator_state(identity: str, wish: OperatorWish) -> dict[str, Any]:
        session = controller.session
        floor = session.floor if session is not None else None
        if session is None or floor is None:
            raise HTTPException(503, "The controller is not connected to Asterisk.")
        if identity not in floor.operators:
            raise HTTPException(404, f"There is no operator {identity[:20]}; `hatif operators` lists them.")
        if wish.state not in BY_HAND:
            raise HTTPException(422, f"The state is one of {', '.join(BY_HAND)}.")
        session.tell(State(identity, BY_HAND[wish.state], wish.reason))
        return {"asked": wish.state}

    @api.get("/waiting")
    async def waiting() -> list[dict[str, Any]]:
        session = controller.session
        floor = session.floor if session is not None else None
        if session is None or floor is None:
            return []
        states = {call.state.id: call.state for call in session.calls}
        rows = []
        for place, each in enumerate(floor.waiting, 1):
            waited = time.time() - each.since
            step = each.steps[step_at(each.steps, waited)[0]]
            state = states.get(each.call)
            rows.append(
                {
                    "place": place,
                    "call": each.call,
                    "caller": state.caller if state else None,
                    "language": step.language,
                    "topic": step.topic,
                    "waited_s": round(waited, 1),
                    "since": each.since,
                }
            )
        return rows

    api.include_router(api_hours.router(controller))
    return api


async def serve(controller: "Controller") -> None:
    """Serves until cancelled."""
    config = uvicorn.Config(
        application(controller),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the process has its own
    await server.serve(sockets=[controller.control_socket])
