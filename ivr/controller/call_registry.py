"""The calls that are up: how each begins, is resumed from an earlier controller, and ends."""

from collections.abc import Callable, Collection, Coroutine, Iterable
from datetime import UTC, datetime

import structlog

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.operations import Request
from ivr.asterisk.fallback_records import mark_taken
from ivr.call.call import Call
from ivr.call.first_state import call_id_of, carrier_of, first_state, printable_number
from ivr.call.flow_runner import run_flow, to_dialplan
from ivr.call.inbox import Receiver
from ivr.call.items import Item
from ivr.call.services import Services
from ivr.controller.probe_call import is_probe, is_test
from ivr.flow.versions import Version, VersionStore
from ivr.model import clock
from ivr.model.call_state import CallState, LegState
from ivr.model.endpoints import operator_in_training, try_telephone_of
from ivr.model.floor_protocol import Leave
from ivr.model.talk_table import Colleague
from ivr.training.trainings import Trainings

log = structlog.get_logger()


class CallRegistry:
    """The calls of one connection. `routes`: the receiver of each channel's events; `start`: starts work that ends with
    the connection; `trainings`: the scripted callers, who are told which calls are theirs."""

    def __init__(
        self,
        flows: VersionStore,
        services: Services,
        routes: dict[str, Receiver],
        start: Callable[[Coroutine[None, None, None], str], None],
        trainings: Trainings,
    ) -> None:
        self._flows, self._services, self._routes, self._start = flows, services, routes, start
        self._trainings = trainings
        self._calls: dict[str, Call] = {}  # by call id
        self._ended: set[str] | None = set()  # ids of calls; None once nobody needs them
        self._last_cases: dict[str, str] = {}  # by operator: the case of their last call in this connection
        self._beginning: dict[str, list[events.Event]] = {}  # by channel: events from before its version was loaded

    @property
    def all(self) -> Collection[Call]:
        """The calls that are up."""
        return self._calls.values()

    @property
    def had(self) -> set[str]:
        """The ids of the calls that are up, and of those that have ended in this connection before `rows_are_closed`.

        The database may not know yet that these have ended.
        """
        return {*self._calls, *(self._ended or ())}

    def rows_are_closed(self) -> None:
        """Remember no ended calls any more: the orphaned rows of earlier controllers are closed."""
        self._ended = None

    def get(self, identity: str) -> Call | None:
        """Return the call with this id."""
        return self._calls.get(identity)

    def knows(self, channel: str) -> bool:
        """Return whether a channel has a receiver already, for instance because reconciliation found its caller."""
        return channel in self._routes or channel in self._beginning

    def keeps(self, channel: str, event: events.Event) -> bool:
        """Keep an event for a call that is about to begin. Return False if there is none on this channel."""
        early = self._beginning.get(channel)
        if early is None:
            return False
        early.append(event)
        return True

    def last_case(self, operator: str) -> str | None:
        """Return the case of the operator's present or last call, as far as this connection knows."""
        own = (call.state for call in self._calls.values() if operator in (call.state.operator, call.state.served_by))
        talking = sorted((state for state in own if state.case), key=lambda state: state.connected_at or 0.0)
        return talking[-1].case if talking else self._last_cases.get(operator)

    def begin(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        """Begin a new call, with the version that is saved at this moment."""
        if self._flows.stale():
            self._beginning[channel.id] = []
            self._start(self._begin_refreshed(channel, args), "new version")
        else:
            self._fresh(channel, args, self._flows.current)

    async def _begin_refreshed(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        version = await self._flows.refresh()
        try:
            self._fresh(channel, args, version)
        except Exception:
            log.exception("A call could not be taken; it goes to the dialplan", channel=channel.id)
            del self._beginning[channel.id]
            await self._services.link.send(*to_dialplan(channel.id))
            return
        for event in self._beginning.pop(channel.id):
            self._routes[channel.id].deliver(event)

    def _fresh(self, channel: events.Channel, args: tuple[str, ...], version: Version) -> None:
        """Begin a new call.

        Args:
            args: The dialled number as the dialplan has it, and `fallback` for a caller who comes from there; empty for
                a caller whom reconciliation found.
        """
        site = self._services.site
        dialled = (args or leg_dialing.arguments(channel)[1:] or ("",))[0]
        started = _created(channel)
        identity = call_id_of(site.node, channel.id, started)
        scripted = self._trainings.of_line(channel.id)
        caller = channel.caller_number if scripted is None else scripted.script.caller
        state = first_state(site, version, identity, dialled, caller, carrier_of(channel))
        call = self._call(channel, state, version)
        call.opening_requests = _mark_requests(channel)
        if not args and channel.state == "Up":
            call.former_state = channel.variables.get("HATIF") or ""  # it cannot be read
        # The fallback has answered at once, and no event will say so.
        answered = started if channel.state == "Up" else None
        self._services.recorder.call_started(state, channel.id, started, printable_number(caller), answered)
        if is_test(channel):
            self._services.recorder.test_call(identity)
        self._walk(call, resumed=False)

    def _call(self, channel: events.Channel, state: CallState, version: Version) -> Call:
        call = Call(self._services, channel.id, state, version, answered=channel.state == "Up")
        number = self._services.site.number_dialled(state.number or "")
        # The line's own calls to itself wait for the answer.
        call.early = number is not None and number.early and channel.state != "Up" and not is_probe(channel)
        call.try_telephone = try_telephone_of(channel.name)
        call.is_test = is_test(channel)
        call.training = operator_in_training(channel.id)
        self._trainings.joins(call)
        return call

    def resume(
        self, channel: events.Channel, state: CallState, leg: LegState | None, colleague: Colleague | None = None
    ) -> None:
        """Go on with a call of an earlier controller, at the node that its state names."""
        version = self._flows.version(state.flow)
        if version is None or state.node not in version.flow.nodes:
            version = self._flows.current
            state = state.replace(flow=version.name).at_node(version.flow.operator)
        call = self._call(channel, state, version)
        call.resume()
        call.opening_requests = _mark_requests(channel)  # an earlier controller may not have sent it
        call.leg, call.colleague = leg, colleague
        if leg is None and colleague is None and channel.state == "Up":
            call.former_state = channel.variables.get("HATIF") or ""
        # If a leg is answered at this moment, it is not a stranger.
        if leg is not None:
            self._routes[leg.offer] = call
        if colleague is not None:
            self._routes[colleague.leg] = call
        if is_test(channel):
            self._services.recorder.counts.test(state.id)
        if channel.application_data.startswith("hatif,call"):
            # Once more: what an earlier controller wrote last may never have reached the disk.
            started = _created(channel)
            answered = started if channel.state == "Up" else None
            self._services.recorder.call_started(
                state, channel.id, started, printable_number(channel.caller_number), answered
            )
        call.event("resumed")
        self._walk(call, resumed=True)

    def enter(
        self,
        channel: str,
        state: CallState,
        leg: LegState | None,
        happened: Iterable[Item],
        *,
        resumed: bool,
    ) -> None:
        """Make a channel that was called by us a call like any other. `happened`: its events that nobody has read."""
        call = Call(self._services, channel, state, self._flows.current, answered=True)
        if resumed:
            call.resume()
        call.leg = leg
        self._walk(call, resumed)
        for item in happened:
            call.deliver(item)

    def _walk(self, call: Call, resumed: bool) -> None:
        self._calls[call.state.id] = call
        self._routes[call.channel] = call
        self._start(self._run_flow(call, resumed), f"call {call.state.id}")

    async def _run_flow(self, call: Call, resumed: bool) -> None:
        # For this task and what it starts, without what is bound where it was started.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(call=call.state.id)
        try:
            await run_flow(call, resumed)
        except Exception:
            log.exception("A call failed; it goes to the dialplan", call=call.state.id, channel=call.channel)
            self._services.to_floor(Leave(call.state.id))
            others = {channel for channel, owner in self._routes.items() if owner is call} - {call.channel}
            await self._services.link.send(*map(operations.HANG_UP, others), *to_dialplan(call.channel))
        finally:
            self._calls.pop(call.state.id, None)
            if self._ended is not None:
                self._ended.add(call.state.id)
            self.forget(call)
            served = call.state.operator or call.state.served_by
            if served is not None and call.state.case is not None:
                self._last_cases[served] = call.state.case

    def forget(self, receiver: Receiver) -> None:
        """Bring no more events to this receiver."""
        for channel in [channel for channel, owner in self._routes.items() if owner is receiver]:
            del self._routes[channel]


def _mark_requests(channel: events.Channel) -> tuple[Request, ...]:
    """Return the requests that mark the record of a caller who comes from the fallback as taken by the controller."""
    return (mark_taken(channel.id),) if leg_dialing.arguments(channel)[2:] == ("fallback",) else ()


def _created(channel: events.Channel) -> datetime:
    """Return when the channel was created, by Asterisk's clock; the present time if that cannot be read."""
    try:
        created = datetime.fromisoformat(channel.created)
    except ValueError:
        return clock.now()
    return created.astimezone(UTC) if created.tzinfo else clock.now()
