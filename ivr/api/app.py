"""The control API: how the command line (later the desk and the guard) sees and changes what lives.

On the loopback only, with the token of the installation.
"""

import asyncio
import logging
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI, HTTPException

from ivr.api import callbacks, hours, operators, supervision, talk
from ivr.api.door import Door, Patient
from ivr.asterisk.refused_calls import refused_calls
from ivr.site.site import SiteError
from prompts.manifest import ManifestError

if TYPE_CHECKING:
    from ivr.controller.controller import Controller


def application(controller: "Controller") -> FastAPI:
    """All of it behind the door, `/openapi.json` too."""
    api = FastAPI(title="Hatif control API", docs_url=None, redoc_url=None)
    api.add_middleware(Door, token=controller.credentials.control_token)

    @api.get("/status")
    async def status() -> dict[str, Any]:
        session = controller.connection
        calls: dict[str, int] = {}
        for call in session.calls if session is not None else ():
            state = "waiting" if call.state.since is not None else "menu"
            if call.state.offer:
                state = "hold" if talk.place(call) == "hold" else "talking"
            calls[state] = calls.get(state, 0) + 1
        return {
            "ari": session is not None and session.floor is not None,
            "ami": controller.ami.connected,
            "flow": controller.flows.current.name,
            "calls": calls,
            "refused": await refused_calls(controller.ami),
            "journal_waiting": controller.journal.waiting,
            "journal_dropped": controller.journal.dropped,
            "open": controller.opening.answer().open,
            "probe": asdict(controller.last_probe) if controller.last_probe is not None else None,
            # What must be as before once nobody calls: whoever looks for what was left behind asks for it.
            "tasks": len(asyncio.all_tasks()),
            "channels": list(session.channels) if session is not None else [],
        }

    @api.post("/flow/reload")
    async def reload() -> dict[str, Any]:
        """What is saved becomes what new calls hear, if it is in order; 422 and every mistake if it is not."""
        former = controller.flows.current.name
        try:
            version = await controller.flows.reload()
        except (SiteError, ManifestError) as error:
            raise HTTPException(422, str(error)) from None
        controller.shifts.again()
        return {"version": version.name, "former": former}

    @api.get("/waiting")
    async def waiting() -> list[dict[str, Any]]:
        session = controller.connection
        floor = session.floor if session is not None else None
        if session is None or floor is None:
            return []
        states = {call.state.id: call.state for call in session.calls}
        rows = []
        for place, each in enumerate(await floor.queue(), 1):
            state = states.get(each.call)
            wish = session.dispatcher.request_of(each.call)  # who is not on the telephone, but is to be called back
            rows.append(
                {
                    "place": place,
                    "call": each.call,
                    "caller": state.caller if state else wish.number if wish else None,
                    "callback": str(wish.id) if wish else None,
                    "language": each.language,
                    "topic": each.topic,
                    "waited_s": round(time.time() - each.since, 1),
                    "silent": each.silent,
                    "since": each.since,
                }
            )
        return rows

    api.include_router(callbacks.router(controller))
    api.include_router(hours.router(controller))
    api.include_router(operators.router(controller))
    api.include_router(supervision.router(controller))
    api.include_router(talk.router(controller))
    return api


async def serve(controller: "Controller") -> None:
    """Serves until cancelled."""
    config = uvicorn.Config(
        application(controller),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
        http=Patient,
        ws="none",
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the process has its own
    await server.serve(sockets=[controller.control_socket])
