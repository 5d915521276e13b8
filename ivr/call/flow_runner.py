"""A call from its first node to its end, and what happens when something goes wrong on the way."""

import asyncio
from dataclasses import replace

import structlog

from db.enums import Outcome
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.call import announcement, stale_playback
from ivr.call.call import Call, CallerGone, NothingAudible

log = structlog.get_logger()

_PATIENCE = 1
"""After so many nodes that could not be done, the dialplan has the call, which can finish it on its own."""

NO_AUDIO_TONE, NO_AUDIO_TONE_S = "tone:info", 1.1
"""What a caller hears when there is nothing else: the special information tone of E.180, once."""

_TAKEN_S = 0.3
"""How long the dialplan may take until it has its record of a call that it was given; it takes a few milliseconds."""


async def run_flow(call: Call, resumed: bool) -> None:
    """Walks the call's flow until the call is over; `resumed`: enters the state's node again instead of a new one."""
    try:
        while True:
            try:
                await stale_playback.wait_for_silence(call)
                await _nodes(call, resumed)
            except (CallerGone, LinkLost, TimeoutError):
                raise
            except NothingAudible:
                log.error("All audio is away; run `hatif prompts build`. The dialplan has the call", call=call.state.id)
                await call.play_media(NO_AUDIO_TONE, NO_AUDIO_TONE_S)
                await asyncio.sleep(NO_AUDIO_TONE_S)
                if not await _give_back(call):
                    _ended(call, Outcome.FAILED, "service")
                return
            except Exception:
                log.exception("A node of the flow failed", call=call.state.id, flow_node=call.state.node)
                call.event("failed")
                if call.state.failures >= _PATIENCE:
                    if not await _give_back(call):
                        _ended(call, Outcome.FAILED, "service")
                    return
                # Not from zero: his language is known, and an operator can do what the node could not.
                call.set(replace(call.state.at_node(call.flow.operator), failures=call.state.failures + 1))
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
        call.flush_events()


async def _nodes(call: Call, resumed: bool) -> None:
    node: str | None = call.state.node
    if not resumed and node is not None:
        call.set(call.state.at_node(node))
        await announcement.say(call)
    while node is not None:
        call.event("node", resumed=resumed)
        following = await call.flow.nodes[call.state.queue_node or node].run(call, resumed)
        resumed = False
        if following is not None:
            call.set(call.state.at_node(following))
        node = following


def _ended(call: Call, outcome: Outcome, by: str) -> None:
    """What is known already of the outcome goes before what the last step says.

    Only who has served himself and then wanted an operator all the same has abandoned the queue, if he leaves it.
    """
    call.flush_events()
    known = None if outcome is Outcome.ABANDONED and call.state.outcome == Outcome.SELF_SERVED else call.state.outcome
    call.services.recorder.call_ended(call.state, Outcome(known) if known else outcome, by)


async def _give_back(call: Call) -> bool:
    """Give the call to the dialplan's own queue: whether that has it. What it does is imported when the call has ended.

    Raises CallerGone where the caller has hung up before: the dialplan knows nothing of the call then.
    """
    state = call.state
    call.set(replace(state.without_operator(), failures=state.failures + 1))
    call.event("given_back")
    *_, continued = await call.services.link.ask(*call.transition(), *to_dialplan(call.channel))
    await asyncio.sleep(_TAKEN_S)
    if not await call.channel_exists():
        raise CallerGone
    if not continued.ok:
        log.error("A call could be given to nobody; it is hung up", call=state.id, status=continued.status)
        await call.services.link.send(operations.HANG_UP(call.channel, reason_code="16"))
    return continued.ok


def to_dialplan(channel: str) -> tuple[Request, ...]:
    """Return the requests that give a caller to the dialplan for good, as if they had been there often: it does not try
    the controller again."""
    return (
        operations.SET_VARIABLE(channel, variable="HATIF_ROUND", value="99"),
        operations.CONTINUE(channel, context="hatif-fallback", extension="s", priority="1"),
    )
