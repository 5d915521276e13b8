"""A call from its first node to its end, and what happens when something goes wrong on the way."""

from dataclasses import replace

import structlog

from db.words import Outcome
from ivr import announcement
from ivr.ari import operations
from ivr.ari.link import LinkLost
from ivr.ari.operations import Request
from ivr.call import Call, CallerGone

log = structlog.get_logger()

_PATIENCE = 1
"""After so many nodes that could not be done, the dialplan has the call, which can finish it on its own."""


async def walk(call: Call, resumed: bool) -> None:
    """Walks the call's flow until the call is over; `resumed`: enters the state's node again instead of a new one."""
    try:
        while True:
            try:
                await _nodes(call, resumed)
            except (CallerGone, LinkLost, TimeoutError):
                raise
            except Exception:
                log.exception("A node of the flow failed", call=call.state.id, flow_node=call.state.node)
                call.event("failed")
                if call.state.failures >= _PATIENCE:
                    await _give_back(call)
                    return
                # Not from zero: his language is known, and an operator can do what the node could not.
                call.set(replace(call.state.at(call.flow.operator), failures=call.state.failures + 1))
                resumed = True
                continue
            call.take_waiting_keys()  # he may have hung up before the last word was over
            await call.step(operations.HANG_UP(call.channel, reason_code="16"))
            talked = call.state.outcome == Outcome.ANSWERED
            _ended(call, Outcome.SELF_SERVED, "operator" if talked else "service")
            return
    except CallerGone:
        _ended(call, Outcome.LEFT_MENU if call.state.since is None else Outcome.ABANDONED, "caller")
    except (LinkLost, TimeoutError):
        pass  # the next connection finds the channel and goes on
    finally:
        call.keep()


async def _nodes(call: Call, resumed: bool) -> None:
    node: str | None = call.state.node
    if not resumed and node is not None:
        call.set(call.state.at(node))
        await announcement.say(call)
    while node is not None:
        call.event("node", resumed=resumed)
        following = await call.flow.nodes[call.state.held or node].run(call, resumed)
        resumed = False
        if following is not None:
            call.set(call.state.at(following))
        node = following


def _ended(call: Call, outcome: Outcome, by: str) -> None:
    """What is known already of the outcome goes before what the last step says.

    Only who has served himself and then wanted an operator all the same has abandoned the queue, if he leaves it.
    """
    call.keep()
    known = None if outcome is Outcome.ABANDONED and call.state.outcome == Outcome.SELF_SERVED else call.state.outcome
    call.services.recorder.call_ended(call.state, Outcome(known) if known else outcome, by)


async def _give_back(call: Call) -> None:
    """To the dialplan's own queue; what it does is imported when its call has ended."""
    state = call.state
    call.set(replace(state.without_operator(), failures=state.failures + 1))
    call.event("given_back")
    await call.step(*to_dialplan(call.channel))


def to_dialplan(channel: str) -> tuple[Request, ...]:
    """The requests that give a caller to the dialplan for good, as if they had been there often: it does not try the
    controller again."""
    return (
        operations.SET_VARIABLE(channel, variable="HATIF_ROUND", value="99"),
        operations.CONTINUE(channel, context="hatif-fallback", extension="s", priority="1"),
    )
