"""Call-back requests that wait in the floor for an operator, as callers do."""

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.callbacks.facts import language_of
from ivr.callbacks.request_states import routing_age
from ivr.model import floor_protocol
from routing.match import Step
from routing.policy import usual_steps


class WaitingRequests:
    """`by_call`: the requests, by the id of the call that each is to become."""

    def __init__(self, connection: CallbackConnection) -> None:
        self._connection = connection
        self._site = connection.services.site
        self.by_call: dict[str, CallbackRequest] = {}

    def enter(self, call: str, wish: CallbackRequest) -> None:
        """Let the request wait, with the age that it has."""
        self.by_call[call] = wish
        since = routing_age(wish).timestamp()
        self._connection.tell(floor_protocol.Wait(call, self._steps(wish), since, wish.priority, callback=True))

    def leave(self, call: str) -> None:
        """Take the request out of the floor, for now or for good."""
        self.by_call.pop(call, None)
        self._connection.tell(floor_protocol.Leave(call))

    def _steps(self, wish: CallbackRequest) -> tuple[Step, ...]:
        language, site = language_of(self._site, wish), self._site
        if wish.kind == CallbackKind.OPERATOR and wish.operator_id is not None:
            spoken = next((each.languages for each in self._connection.people if each.id == wish.operator_id), {})
            return (Step(language if language in spoken else next(iter(spoken), language), operator=wish.operator_id),)
        return usual_steps(language, site.operators.level, wish.topic, wish.operator_id, site.routing.policy)
