"""A call from its first node to its end, and what happens when something goes wrong on the way."""

import asyncio

import structlog

from db.enums import Outcome
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.asterisk.ari.operations import Request
from ivr.call import announcement, stale_playback
from ivr.call.call import Call
from ivr.call.interruptions import CallerGone, MenusOver, NothingAudible
from ivr.call.menu_time import MENUS_OVER
from ivr.records.limit_counts import Limit

log = structlog.get_logger()

_FAILURES_ALLOWED = 1
"""After this many failed nodes the call goes to the dialplan, which can finish it on its own."""

NO_AUDIO_TONE, NO_AUDIO_TONE_S = "tone:info", 1.1
"""The caller hears this when there is no audio: the special information tone of E.180, once."""

_DIALPLAN_S = 0.3
"""How long the dialplan may take to record a call that was passed to it; it takes a few milliseconds."""


async def run_flow(call: Call, resumed: bool) -> None:
    """Run the flow until the call is over. `resumed`: enter the node of the state again, instead of a new one."""
    try:
        while True:
            try:
                await stale_playback.wait_for_silence(call)
                await _run_nodes(call, resumed)
            except (CallerGone, LinkLost, TimeoutError):
                raise
            except MenusOver:
                await _say_menus_over(call)
                await call.step(operations.HANG_UP(call.channel, reason_code="16"))
                _record_end(call, Outcome.LEFT_MENU, "service")
                return
            except NothingAudible:
                log.error("No audio; run `hatif prompts build`. The call goes to the dialplan", call=call.state.id)
                await call.play_media(NO_AUDIO_TONE, NO_AUDIO_TONE_S)
                await asyncio.sleep(NO_AUDIO_TONE_S)
                if not await _pass_to_dialplan(call):
                    _record_end(call, Outcome.FAILED, "service")
                return
            except Exception:
                log.exception("A node of the flow failed", call=call.state.id, flow_node=call.state.node)
                call.event("failed")
                if call.state.failures >= _FAILURES_ALLOWED:
                    if not await _pass_to_dialplan(call):
                        _record_end(call, Outcome.FAILED, "service")
                    return
                # Do not start over: the language is known, and an operator can do what the node could not.
                call.set(call.state.at_node(call.flow.operator).replace(failures=call.state.failures + 1))
                resumed = True
                continue
            call.take_waiting_keys()  # the caller may have hung up before the last prompt ended
            # A line that was never answered: the carrier gets 480, and nobody is charged.
            await call.step(operations.HANG_UP(call.channel, reason_code="19" if call.early else "16"))
            talked = call.state.outcome == Outcome.ANSWERED
            _record_end(call, Outcome.SELF_SERVED, "operator" if talked else "service")
            return
    except CallerGone:
        _record_end(call, Outcome.LEFT_MENU if call.state.since is None else Outcome.ABANDONED, "caller")
    except (LinkLost, TimeoutError):
        pass  # the next connection finds the channel and continues
    finally:
        call.hearing.close()
        call.flush_events()


async def _run_nodes(call: Call, resumed: bool) -> None:
    node: str | None = call.state.node
    if not resumed and node is not None:
        call.set(call.state.at_node(node))
        if not call.flow.nodes[node].greets():
            await announcement.say(call)
    while node is not None:
        call.event("node", resumed=resumed)
        if call.try_telephone or call.training:  # somebody looks at where it is; nobody waits for that of a caller
            call.services.note_change()
        current = call.flow.nodes[call.state.queue_node or node]
        call.early = call.early and not current.answers()
        if not current.is_menu():
            call.hearing.close()
        with call.menu_time.counting(current.is_menu()):
            following = await current.run(call, resumed)
        resumed = False
        if following is not None:
            call.set(call.state.at_node(following))
        node = following


async def _say_menus_over(call: Call) -> None:
    """Tell a caller that their time in the menus is over."""
    call.services.recorder.counts.limits.reach(Limit.MENUS)
    call.event("menus_over", minutes=round(call.menu_time.used / 60))
    call.keys.clear()
    await call.say(MENUS_OVER)


def _record_end(call: Call, outcome: Outcome, by: str) -> None:
    """Record the end of the call. An outcome that is already known precedes that of the last step.

    There is one exception: a caller who served themselves, then wanted an operator after all and left the queue has
    abandoned it.
    """
    call.flush_events()
    known = None if outcome is Outcome.ABANDONED and call.state.outcome == Outcome.SELF_SERVED else call.state.outcome
    call.services.recorder.call_ended(call.state, Outcome(known) if known else outcome, by)


async def _pass_to_dialplan(call: Call) -> bool:
    """Pass the call to the dialplan's own queue and return whether that succeeded.

    The dialplan's records are imported once the call has ended. Raises CallerGone if the caller had hung up before, in
    which case the dialplan knows nothing of the call.
    """
    state = call.state
    call.set(state.without_operator().replace(failures=state.failures + 1))
    call.event("given_back")
    *_, continued = await call.services.link.ask(*call.transition(), *to_dialplan(call.channel))
    await asyncio.sleep(_DIALPLAN_S)
    if not await call.channel_exists():
        raise CallerGone
    if not continued.ok:
        log.error("The dialplan did not take a call; it is hung up", call=state.id, status=continued.status)
        await call.services.link.send(operations.HANG_UP(call.channel, reason_code="16"))
    return continued.ok


def to_dialplan(channel: str) -> tuple[Request, ...]:
    """Return the requests that pass a caller to the dialplan for good. It counts this as too many attempts and does not
    try the controller again."""
    return (
        operations.SET_VARIABLE(channel, variable="HATIF_ROUND", value="99"),
        operations.CONTINUE(channel, context="hatif-fallback", extension="s", priority="1"),
    )
