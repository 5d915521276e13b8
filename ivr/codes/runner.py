"""A code from the moment it is dialled to its end: whatever happens, the operator hears why."""

from collections.abc import Iterable

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.link import LinkLost
from ivr.codes.code_call import CodeCall, CodeRefused, OperatorGone, Said
from ivr.codes.code_connection import CodeConnection
from ivr.codes.registry import BESIDES, CODES

log = structlog.get_logger()


def standing(channels: Iterable[Channel]) -> list[tuple[Channel, tuple[str, ...]]]:
    """The channels in Stasis on which a code was dialled, each with Stasis' arguments: those of before a restart. Not a
    telephone that still rings."""
    found = []
    for channel in channels:
        args = leg_dialing.arguments(channel)
        if args[:1] == (leg_dialing.CODE,) and not leg_dialing.waits(channel, args):
            found.append((channel, args))
    return found


def begin(session: CodeConnection, channel: Channel, args: tuple[str, ...], *, resumed: bool) -> None:
    """Starts the code that was dialled on `channel`; a telephone that is nobody's is hung up. `args`: of Stasis."""
    name, operator, argument = (*args[1:4], "", "", "")[:3]
    entry = next((each for each in session.people if each.id == operator), None)
    if entry is None:
        log.warning("A code was dialled by nobody of the operators' list; it is hung up", channel=channel.name)
        session.start(session.services.link.send(operations.HANG_UP(channel.id)), "hang up")
        return
    call = CodeCall(session, channel.id, name, entry, argument, resumed=resumed)
    session.services.route(channel.id, call)
    session.start(_led(session, call), f"code {channel.id}")


async def _led(session: CodeConnection, call: CodeCall) -> None:
    try:
        await run(call)
    finally:
        session.forget(call)


async def run(call: CodeCall) -> None:
    """Does what the code stands for, and hangs up."""
    structlog.contextvars.clear_contextvars()  # of where the code's own task was started
    structlog.contextvars.bind_contextvars(operator=call.operator.id, code=call.name)
    try:
        try:
            log.info("code", argument=call.argument, resumed=call.resumed)
            handler = CODES.get(call.name) or BESIDES.get(call.name)
            if handler is None:
                raise CodeRefused("code_unknown")
            await handler(call)
        except CodeRefused as refused:
            log.info("A code was refused", why=str(refused.said))
            await _finally(call, *refused.said)
        except (OperatorGone, LinkLost):
            raise
        except Exception:  # also where Asterisk, or the floor, did not answer in time
            log.exception("A code failed")
            await _finally(call, "code_unavailable")
        await call.services.link.send(operations.HANG_UP(call.channel, reason_code="16"))
    except (OperatorGone, LinkLost):
        pass  # he has hung up; or the next connection finds the channel


async def _finally(call: CodeCall, *said: Said) -> None:
    call.keys.clear()
    await call.say(*said)
