"""A code from the moment it is dialled to its end: whatever goes wrong, the operator hears why."""

from collections.abc import Collection, Iterable

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import operations
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.link import LinkLost
from ivr.call.connection import Connection
from ivr.call.voice import Prompt
from ivr.codes import help_call
from ivr.codes.code_call import CodeCall, CodeRefused, OperatorGone
from ivr.codes.code_connection import CodeConnection
from ivr.codes.registry import CODES, OTHER_HANDLERS
from ivr.codes.spy_channel import Spy, bridge_of, find_left_over
from ivr.records import floor_records
from ivr.records.floor_records import Supervision

log = structlog.get_logger()


def find_dialled(channels: Iterable[Channel]) -> list[tuple[Channel, tuple[str, ...]]]:
    """Return the channels in Stasis on which a code was dialled before a restart, each with its Stasis arguments.

    Without telephones that still ring.
    """
    found = []
    for channel in channels:
        args = leg_dialing.arguments(channel)
        if args[:1] == (leg_dialing.CODE,) and not leg_dialing.waits(channel, args):
            found.append((channel, args))
    return found


def attach(connection: CodeConnection, channels: Collection[Channel]) -> None:
    """Go on with the codes that were dialled before a restart, and end supervisions whose supervisor has gone since."""
    dialled = find_dialled(channels)
    running = {channel.id: begin(connection, channel, args, resumed=True) for channel, args in dialled}
    for helper, asked in help_call.find_legs(channels):
        if (code := running.get(asked)) is not None:
            connection.services.route(helper, code)  # if it is answered at this moment, it is not a stranger
    for spy in find_left_over(channels, running):
        connection.start(_end_leftover(connection, spy), "supervision left over")


def begin(connection: CodeConnection, channel: Channel, args: tuple[str, ...], *, resumed: bool) -> CodeCall | None:
    """Start and return the code that was dialled on `channel`; hang up a telephone that belongs to no operator.

    `args` are the Stasis arguments.
    """
    name, operator, argument = (*args[1:4], "", "", "")[:3]
    entry = next((person for person in connection.services.operators if person.id == operator), None)
    if entry is None:
        log.warning("A code was dialled by nobody in the list of operators; it is hung up", channel=channel.name)
        connection.start(connection.services.link.send(operations.HANG_UP(channel.id)), "hang up")
        return None
    call = CodeCall(connection, channel.id, name, entry, argument, resumed=resumed)
    connection.services.route(channel.id, call)
    connection.start(_run_and_forget(connection, call), f"code {channel.id}")
    return call


async def _run_and_forget(connection: CodeConnection, call: CodeCall) -> None:
    try:
        await run(call)
    finally:
        connection.forget(call)


async def run(call: CodeCall) -> None:
    """Run the code's function and hang up."""
    structlog.contextvars.clear_contextvars()  # of the task that started the code
    structlog.contextvars.bind_contextvars(operator=call.operator.id, code=call.name)
    try:
        try:
            log.info("code", argument=call.argument, resumed=call.resumed)
            handler = CODES.get(call.name) or OTHER_HANDLERS.get(call.name)
            if handler is None:
                raise CodeRefused("code_unknown")
            await handler(call)
        except CodeRefused as refused:
            log.info("A code was refused", why=str(refused.prompts))
            await _say_last(call, *refused.prompts)
        except (OperatorGone, LinkLost):
            raise
        except Exception:  # also if Asterisk or the floor did not answer in time
            log.exception("A code failed")
            await _say_last(call, "code_unavailable")
        await call.services.link.send(operations.HANG_UP(call.channel, reason_code="16"))
    except (OperatorGone, LinkLost):
        pass  # the operator has hung up, or the next connection finds the channel


async def _say_last(call: CodeCall, *prompts: Prompt) -> None:
    call.keys.clear()
    await call.say(*prompts)


async def _end_leftover(connection: Connection, spy: Spy) -> None:
    """End the spying channel and its bridge, and record the end of a supervision whose supervisor hung up while there
    was no controller."""
    services, floor, call = connection.services, connection.floor, connection.call_on(spy.leg)
    operators = floor.operators.values() if floor is not None else ()
    operator = next((person.id for person in operators if person.offer == spy.leg), "")
    use = Supervision(spy.supervisor, "service", operator, spy.mode, call.state.id if call is not None else None)
    floor_records.supervision_ended(services.recorder.journal, use, "restart")
    await services.link.send(operations.HANG_UP(spy.id), operations.DELETE_BRIDGE(bridge_of(spy.supervisor)))
