"""Operators who are paused without having asked for it are told: on the display where it shows messages, else by voice.

What is to be said by voice is the first thing that they hear in their next code or call. After a restart of the
controller only the display and `hatif operators` tell it.
"""

from http import HTTPStatus

import structlog

from ivr.asterisk.ari import operations
from ivr.asterisk.ari.link import LinkLost
from ivr.call.connection import Connection
from ivr.codes.spoken_state import reason_text
from routing.states import OWN_PAUSES, Operator, OperatorState

log = structlog.get_logger()

_FROM = "Hatif <sip:hatif@hatif.invalid>"
_PLAIN = "PJSIP/{id}"
"""Where telephones register at this Asterisk. Through an edge a message would have to be addressed otherwise."""


class PauseNotices:
    """Of whom it is not known that they know."""

    def __init__(self) -> None:
        self._paused: dict[str, float] = {}  # by operator: since when
        self._unsaid: dict[str, str] = {}  # by operator: the reason

    def changed(self, operator: Operator) -> bool:
        """An operator's state is new, or told once more; whether it is a pause of which to tell them now."""
        if operator.state is not OperatorState.PAUSED or operator.reason not in OWN_PAUSES:
            self._paused.pop(operator.id, None)
            return False
        if self._paused.get(operator.id) == operator.since:
            return False
        self._paused[operator.id] = operator.since
        self._unsaid[operator.id] = operator.reason
        return True

    def take(self, operator: str) -> str | None:
        """The reason of the pause, as a text's id, where they have not heard of it yet; once only."""
        reason = self._unsaid.pop(operator, None)
        return reason_text(reason) if reason is not None else None


async def show(session: Connection, operator: Operator) -> bool:
    """Sends the reason of a pause to the display of the operator's telephone; False where it was not taken."""
    services, sounds = session.services, session.version.sounds
    entry = next((each for each in session.people if each.id == operator.id), None)
    if entry is None or services.site.operators.address != _PLAIN:
        return False
    language = next(iter(entry.languages))
    paused, ready = (sounds.text(language, each) for each in ("code_paused", "code_ready"))
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
