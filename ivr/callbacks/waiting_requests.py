"""Call-back requests that wait in the floor for an operator, as callers do."""

from db.callback_requests import CallbackRequest
from db.callback_states import routing_age
from db.enums import CallbackKind
from ivr.callbacks.callback_connection import CallbackConnection
from ivr.model import floor_protocol
from ivr.site.callback_facts import language_of
from routing.match import Step
from routing.policy import usual_steps


class WaitingRequests:
    """`by_call`: the requests, by the id of the call that each is to become."""

    def __init__(self, connection: CallbackConnection) -> None:
        self._services = connection.services
        self.by_call: dict[str, CallbackRequest] = {}

    def enter(self, call: str, request: CallbackRequest) -> None:
        """Put the request into the queue with its present age."""
        self.by_call[call] = request
        since = routing_age(request).timestamp()
        self._services.to_floor(floor_protocol.Wait(call, self._steps(request), since, request.priority, callback=True))

    def leave(self, call: str) -> None:
        """Take the request out of the queue, for now or for good."""
        self.by_call.pop(call, None)
        self._services.to_floor(floor_protocol.Leave(call))

    def _steps(self, request: CallbackRequest) -> tuple[Step, ...]:
        site = self._services.site
        language = language_of(site, request)
        if request.kind == CallbackKind.OPERATOR and request.operator_id is not None:
            operators = self._services.operators
            spoken = next((operator.languages for operator in operators if operator.id == request.operator_id), {})
            return (
                Step(language if language in spoken else next(iter(spoken), language), operator=request.operator_id),
            )
        return usual_steps(language, site.operators.level, request.topic, request.operator_id, site.routing.policy)
