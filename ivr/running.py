"""The calls that are up: how each begins, is taken over from a former controller, and ends."""

from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from ivr import clock, rung
from ivr.ari import events, operations
from ivr.ari.operations import Request
from ivr.beginning import carrier_of, first_state, identity_of, raw
from ivr.call import Call, Item, Services
from ivr.fallback_records import mark_taken
from ivr.flow.versions import Version
from ivr.house import House
from ivr.inbox import Receiver
from ivr.messages import Leave
from ivr.probe import is_test
from ivr.state import CallState, LegState
from ivr.talk.table import Colleague
from ivr.walk import to_dialplan, walk

log = structlog.get_logger()


class RunningCalls:
    """`routes`: who gets the events of which channel; `start`: work that ends with the connection."""

    def __init__(
        self,
        house: House,
        services: Services,
        routes: dict[str, Receiver],
        start: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        self._house, self._services, self._routes, self._start = house, services, routes, start
        self._calls: dict[str, Call] = {}  # by call id
        self._last_cases: dict[str, str] = {}  # by operator: the file of the last call that he had in this session
        self._beginning: dict[str, list[events.Event]] = {}  # by channel: what came before its version was loaded

    @property
    def all(self) -> Collection[Call]:
        return self._calls.values()

    def get(self, identity: str) -> Call | None:
        return self._calls.get(identity)

    def knows(self, channel: str) -> bool:
        """Whether somebody has it already: a caller whom reconciliation found, say."""
        return channel in self._routes or channel in self._beginning

    def keeps(self, channel: str, event: events.Event) -> bool:
        """Whether it is kept for a call that is about to begin."""
        early = self._beginning.get(channel)
        if early is None:
            return False
        early.append(event)
        return True

    def last_case(self, operator: str) -> str | None:
        """The reference of the file of the call that he has, or had last, as far as this session knows."""
        mine = (call.state for call in self._calls.values() if operator in (call.state.operator, call.state.served_by))
        talking = sorted((state for state in mine if state.case), key=lambda state: state.connected_at or 0.0)
        return talking[-1].case if talking else self._last_cases.get(operator)

    def begins(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        """A new call, by what is saved at this moment."""
        if self._house.flows.stale():
            self._beginning[channel.id] = []
            self._start(self._refreshed(channel, args), "new version")
        else:
            self._fresh(channel, args, self._house.flows.current)

    async def _refreshed(self, channel: events.Channel, args: tuple[str, ...]) -> None:
        version = await self._house.flows.refresh()
        try:
            self._fresh(channel, args, version)
        except Exception:
            log.exception("A call could not be taken; the dialplan has it", channel=channel.id)
            del self._beginning[channel.id]
            await self._services.link.send(*to_dialplan(channel.id))
            return
        for event in self._beginning.pop(channel.id):
            self._routes[channel.id].deliver(event)

    def _fresh(self, channel: events.Channel, args: tuple[str, ...], version: Version) -> None:
        """`args`: the number dialled, as the dialplan has it, and `fallback` for a caller who comes from there; none
        for a caller who was found."""
        site = self._house.site
        dialled = (args or rung.arguments(channel)[1:] or ("",))[0]
        started = _created(channel)
        identity = identity_of(site.node, channel.id, started)
        state = first_state(site, version, identity, dialled, channel.caller_number, carrier_of(channel))
        call = Call(self._services, channel.id, state, version, answered=channel.state == "Up")
        call.before = _marks(channel)
        if not args and channel.state == "Up":
            call.unreadable = channel.variables.get("HATIF") or ""
        self._house.recorder.call_started(state, channel.id, started, raw(channel.caller_number))
        if is_test(channel):
            self._house.recorder.call(identity, live=False)
        self._walk(call, resumed=False)

    def resume(
        self, channel: events.Channel, state: CallState, leg: LegState | None, colleague: Colleague | None = None
    ) -> None:
        version = self._house.flows.version(state.flow)
        if version is None or state.node not in version.flow.nodes:
            version = self._house.flows.current
            state = replace(state, flow=version.name).at(version.flow.operator)
        call = Call(self._services, channel.id, state, version, answered=channel.state == "Up")
        call.resume()
        call.before = _marks(channel)  # a former controller may not have come to it
        call.leg, call.colleague = leg, colleague
        for each in (*((leg.offer,) if leg is not None else ()), *((colleague.leg,) if colleague is not None else ())):
            self._routes[each] = call  # one that is answered at this moment is not a stranger
        if channel.application_data.startswith("hatif,call"):
            # Once more: what a former controller wrote last may never have come to the disk.
            self._house.recorder.call_started(state, channel.id, _created(channel), raw(channel.caller_number))
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
        """A channel that was called by us is a call like any other from now on; `happened`: to it, and not read yet."""
        call = Call(self._services, channel, state, self._house.flows.current, answered=True)
        if resumed:
            call.resume()
        call.leg = leg
        self._walk(call, resumed)
        for item in happened:
            call.deliver(item)

    def _walk(self, call: Call, resumed: bool) -> None:
        self._calls[call.state.id] = call
        self._routes[call.channel] = call
        self._start(self._walked(call, resumed), f"call {call.state.id}")

    async def _walked(self, call: Call, resumed: bool) -> None:
        try:
            await walk(call, resumed)
        except Exception:
            log.exception("A call failed; the dialplan has it", call=call.state.id, channel=call.channel)
            self._services.to_floor(Leave(call.state.id))
            others = {each for each, owner in self._routes.items() if owner is call} - {call.channel}
            await self._services.link.send(*map(operations.HANG_UP, others), *to_dialplan(call.channel))
        finally:
            self._calls.pop(call.state.id, None)
            self.forget(call)
            served = call.state.operator or call.state.served_by
            if served is not None and call.state.case is not None:
                self._last_cases[served] = call.state.case

    def forget(self, receiver: Receiver) -> None:
        """Nothing that happens is brought to it any more."""
        for channel in [channel for channel, owner in self._routes.items() if owner is receiver]:
            del self._routes[channel]


def _marks(channel: events.Channel) -> tuple[Request, ...]:
    """Return what says in the fallback's record of a caller who comes from there that the call is ours now."""
    return (mark_taken(channel.id),) if rung.arguments(channel)[2:] == ("fallback",) else ()


def _created(channel: events.Channel) -> datetime:
    """When the channel was made, by Asterisk's clock; now, if it says nothing that is understood."""
    try:
        created = datetime.fromisoformat(channel.created)
    except ValueError:
        return clock.now()
    return created.astimezone(UTC) if created.tzinfo else clock.now()
