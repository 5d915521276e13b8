"""Notices to operators who were paused automatically: on the telephone's display if it shows messages, else by voice.

A notice by voice is the first thing that they hear in their next code. It is not kept over a restart of the
controller; then only the display and `hatif operators` show the pause.
"""

from http import HTTPStatus

import structlog

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.call.connection import Connection
from ivr.codes.state_prompts import reason_text
from routing.states import OWN_PAUSES, Operator, OperatorState

log = structlog.get_logger()

_FROM = "Hatif <sip:hatif@hatif.invalid>"
_PLAIN = "PJSIP/{id}"
"""The address of telephones that register at this Asterisk. Through an edge, messages would need another address."""


class PauseNotices:
    """Operators who may not know yet that they are paused."""

    def __init__(self) -> None:
        self._paused: dict[str, float] = {}  # by operator: since when
        self._unheard: dict[str, str] = {}  # by operator: the reason

    def changed(self, operator: Operator) -> bool:
        """Take note of an operator's state; return whether it is a new pause to notify them of. Idempotent."""
        if operator.state is not OperatorState.PAUSED or operator.reason not in OWN_PAUSES:
            self._paused.pop(operator.id, None)
            return False
        if self._paused.get(operator.id) == operator.since:
            return False
        self._paused[operator.id] = operator.since
        self._unheard[operator.id] = operator.reason
        return True

    def take(self, operator: str) -> str | None:
        """Return the reason of a pause that the operator has not heard of yet, as a text's id; once only."""
        reason = self._unheard.pop(operator, None)
        return reason_text(reason) if reason is not None else None


async def show(connection: Connection, operator: Operator) -> bool:
    """Send the reason of a pause to the display of the operator's telephone; False if it was not accepted."""
    services, sounds = connection.services, connection.version.sounds
    entry = next((person for person in services.operators if person.id == operator.id), None)
    if entry is None or services.site.operators.address != _PLAIN:
        return False
    language = next(iter(entry.languages))
    paused, ready = (sounds.text(language, text) for text in ("code_paused", "code_ready"))
    why = sounds.text(language, reason_text(operator.reason))
    if why is None or paused is None:
        return False
    code = services.site.codes.ready
    text = f"{why} {paused}" + (f" {code}: {ready}" if code and ready is not None else "")
    try:
        (answer,) = await services.link.ask(operations.send_message(operator.id, _FROM, text))
    except (LinkLost, TimeoutError):
        return False
    if answer.status != HTTPStatus.ACCEPTED:
        log.warning("A message to an operator's telephone was refused", operator=operator.id, status=answer.status)
    return answer.status == HTTPStatus.ACCEPTED
