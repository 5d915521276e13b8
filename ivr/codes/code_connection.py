"""The connection to Asterisk, as feature codes see it."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from ivr.call.connection import Connection
from ivr.floor.supervisor_alerts import SupervisorAlerts
from ivr.talk.request_inbox import RequestInbox

if TYPE_CHECKING:  # a code that does not ask for it starts without the database's packages
    from db.callback_requests import CallbackRequest


class Callbacks(Protocol):
    """The call-back requests that wait."""

    async def pending(self) -> "Collection[CallbackRequest] | None":
        """Return all that have not ended; None if the database is away."""

    def look(self) -> None:
        """Look at the requests now: something has changed."""


class CodeConnection(Connection, Protocol):
    """The interface that a feature code may use besides `Connection`."""

    requests: RequestInbox
    supervisor_alerts: SupervisorAlerts

    @property
    def callbacks(self) -> Callbacks: ...

    def last_case(self, operator: str) -> str | None:
        """Return the case of the operator's present or last call, as far as this connection knows."""
