"""Alerts for supervisors: an offer that was not answered, a telephone that could not be rung, a call for help.

Each is in the log and in `audit`; `hatif operators` shows those that are not settled yet. A pause after an unanswered
offer is settled when the operator's state changes; a call for help when a supervisor has helped or marks it as settled.
"""

import time
from collections.abc import Mapping

import structlog

from db.journal import Journal
from routing.states import Operator, Trigger

log = structlog.get_logger()


class SupervisorAlerts:
    """Records alerts, and keeps the calls for help that are not settled."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._wanted: dict[str, float] = {}
        self._why: dict[str, str] = {}

    @property
    def help_is_wanted(self) -> Mapping[str, float]:
        """The operators whom no supervisor could help, and since when (POSIX seconds)."""
        return self._wanted

    def why(self, operator: str) -> str | None:
        """Return what an operator wrote when they asked for help."""
        return self._why.get(operator)

    def missed(self, operator: Operator, trigger: Trigger) -> None:
        """Record that an operator did not answer an offer, or that their telephone could not be reached."""
        if trigger is Trigger.NO_ANSWER:
            log.warning("An operator did not answer; they are paused (no_answer)", operator=operator.id)
        else:
            log.warning(
                "An operator's telephone could not be rung; they are away until it registers", operator=operator.id
            )
        self._audit(operator.id, f"operator_{trigger.value}", operator.id)

    def help_wanted(self, operator: str, call: str | None, why: str = "") -> None:
        """Record that an operator asks for help, and no supervisor is free or they have asked all of them.

        `call`: the one that they are in, if any; `why`: what they wrote.
        """
        self._wanted.setdefault(operator, time.time())
        if why:
            self._why[operator] = why
        log.warning("An operator asks for help", operator=operator)
        self._audit(operator, "help_wanted", operator, call, why)
        self._in_story(call, "help_wanted", operator=operator)

    def helped(self, operator: str, supervisor: str, call: str | None) -> None:
        """Record that a supervisor talks with an operator. `call`: the one that the operator is in, if any."""
        self._settled(operator)
        self._audit(supervisor, "help_given", operator, call)
        self._in_story(call, "help_given", operator=operator, supervisor=supervisor)

    def help_settled(self, operator: str, by: str) -> bool:
        """Mark a call for help as settled. Return False if the operator does not wait for help."""
        if not self._settled(operator):
            return False
        self._audit(by, "help_settled", operator)
        return True

    def _settled(self, operator: str) -> bool:
        self._why.pop(operator, None)
        return self._wanted.pop(operator, None) is not None

    def _audit(self, by: str, act: str, operator: str, call: str | None = None, why: str = "") -> None:
        self._journal.put("audit", by=by, act=act, about=f"operator:{operator}", call_id=call, reason=why or None)

    def _in_story(self, call: str | None, kind: str, **data: object) -> None:
        if call is not None:
            self._journal.put("call_event", call_id=call, kind=kind, flow_node=None, data=data)
