"""Signals about operators' telephones during a connection, passed on to the floor and to their calls.

A telephone appears, disappears, refuses packets or has been restarted; each source of that knowledge calls a method.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping

import structlog

from ivr.asterisk.ari.link import LinkLost
from ivr.call.call import Call
from ivr.call.inbox import Receiver
from ivr.call.leg import check_unanswered_leg
from ivr.call.services import Services
from ivr.callbacks.attempt import Attempt
from ivr.model import floor_protocol
from ivr.talk import telephone_watch
from ivr.telephones.presence import Presence
from ivr.telephones.registrations import Proof
from ivr.telephones.udp_probe import EVERY_S, UdpProbe
from routing.states import OfferState, Operator, OperatorState, Trigger

log = structlog.get_logger()

_NOTICED_S = 2 * EVERY_S
"""How long ago the packet may have been sent whose refusal is noticed now."""


class TelephoneSignals:
    """Signals of telephones, for the floor and for the calls that ring them or talk with them.

    Args:
        operators: Returns the operators as the floor last showed them; none while there is no floor.
        routes: Who receives the events of each channel.
        renegotiate: Sends a session refresh on a channel.
        start: Starts work that ends with the connection.
    """

    def __init__(
        self,
        services: Services,
        presence: Presence,
        operators: Callable[[], Mapping[str, Operator]],
        routes: Mapping[str, Receiver],
        renegotiate: Callable[[str], Awaitable[None]],
        start: Callable[[Coroutine[None, None, None], str], None],
    ) -> None:
        self._services, self._presence, self._operators = services, presence, operators
        self._routes, self._renegotiate, self._start = routes, renegotiate, start
        self._refused_at: dict[str, float] = {}  # by operator, on the monotonic clock

    async def probe(self) -> None:
        """Watch for telephones whose machines refuse packets, until cancelled."""
        await UdpProbe(self._presence.contact, self.has_rung, self.refused).run(self._operators)

    def all_present(self, present: Collection[str] | None) -> None:
        """Tell the floor which operators' telephones are present; None if nobody knows yet."""
        if present is not None:
            for operator in self._services.operators:
                self._tell_presence(operator.id, operator.id in present)

    def changed(self, operator: str, present: bool) -> None:
        """Handle a telephone that has appeared or disappeared: tell the floor, and the call that rings it or talks."""
        self._tell_presence(operator, present)
        if not present:
            self._tell_call(operator, refused=False)
            return
        busy = self._operators().get(operator)
        if busy is None or busy.state is not OperatorState.TALKING or busy.offer is None:
            return
        if self._services.in_browser(operator):
            call = self._routes.get(busy.offer)
            if isinstance(call, Call):
                call.deliver(floor_protocol.TelephoneBack(call.state.id, operator))
        else:
            self._start(
                telephone_watch.relearn_address(self._services.link, busy.offer, self._renegotiate),
                "follow a telephone's sound",
            )

    def refused(self, operator: str) -> None:
        """Handle a telephone whose machine refuses packets.

        While the operator talks, only their call is notified: it notifies the floor if their sound stops as well.
        """
        self._refused_at[operator] = time.monotonic()
        self._services.recorder.counts.refusals += 1
        busy = self._operators().get(operator)
        if busy is not None and busy.state is OperatorState.TALKING:
            self._tell_call(operator, refused=True)
        else:
            self.changed(operator, False)

    def restarted(self, proof: Proof) -> None:
        """Handle a telephone that has been restarted: it was absent, and knows nothing of the call that rang before.

        Whether a telephone still talks is for its sound to show, or for its answer to a session refresh.
        """
        found = self._operators().get(proof.operator)
        if found is None:
            return
        missed = (found.state, found.reason) == (OperatorState.PAUSED, Trigger.NO_ANSWER)
        since = time.monotonic() - (time.time() - found.since)
        if missed or (found.state is OperatorState.OFFERED and since < proof.at):
            log.info("A telephone was restarted after it was rung", operator=found.id)
            self._refused_at[found.id] = proof.at  # it counts as present as soon as its operator is away
            self.changed(found.id, False)

    def operator_changed(self, operator: Operator) -> None:
        """Report a telephone as present that had come back before its absence was noticed.

        No other signal would report it.
        """
        refused = self._refused_at.pop(operator.id, None) if operator.state is OperatorState.AWAY else None
        if refused is not None and self._presence.proved(operator.id) > refused - _NOTICED_S:
            self.is_there(operator.id)

    def is_there(self, operator: str) -> None:
        """Handle a sign of life, which counts only if Asterisk knows how to reach the telephone."""
        if self._presence.contact(operator) is not None:
            self._tell_presence(operator, True)

    async def has_rung(self, leg: str) -> bool:
        """Return whether a leg has rung or was answered; True as well if Asterisk does not say."""
        try:
            return await check_unanswered_leg(self._services.link, leg) is not OfferState.UNREACHABLE
        except (LinkLost, TimeoutError):
            return True

    def _tell_presence(self, operator: str, present: bool) -> None:
        self._services.to_floor(
            floor_protocol.OperatorEvent(operator, Trigger.PHONE_PRESENT if present else Trigger.PHONE_ABSENT)
        )

    def _tell_call(self, operator: str, *, refused: bool) -> None:
        busy = self._operators().get(operator)
        found = self._routes.get(busy.offer) if busy is not None and busy.offer is not None else None
        if isinstance(found, Call):
            found.deliver(floor_protocol.TelephoneGone(found.state.id, operator, refused))
        elif isinstance(found, Attempt):
            found.deliver(floor_protocol.TelephoneGone(found.call, operator, refused))
