"""What supervisors are told: a call that nobody took, a telephone that could not be rung, an operator who wants help.

Each is in the log and in `audit`; `hatif operators` shows what is not settled yet. A pause after a call that was not
answered is settled when it ends, which the operator's state says; a call for help when somebody has helped or says so.
"""

import time
from collections.abc import Mapping

import structlog

from db.journal import Journal
from routing.states import Operator, Trigger

log = structlog.get_logger()


class SupervisorAlerts:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._wanted: dict[str, float] = {}

    @property
    def help_is_wanted(self) -> Mapping[str, float]:
        """By operators whom no supervisor could help, each with since when (POSIX seconds)."""
        return self._wanted

    def missed(self, operator: Operator, trigger: Trigger) -> None:
        """A call was offered to him in vain: he did not answer, or his telephone could not be reached."""
        if trigger is Trigger.NO_ANSWER:
            log.warning("An operator did not answer; they are paused (no_answer)", operator=operator.id)
        else:
            log.warning(
                "An operator's telephone could not be rung; he is away until it registers", operator=operator.id
            )
        self._audit(operator.id, f"operator_{trigger.value}", operator.id)

    def help_wanted(self, operator: str, call: str | None) -> None:
        """`call`: the one that they are in, if any."""
        self._wanted.setdefault(operator, time.time())
        log.warning("An operator asks for help, and no supervisor is free", operator=operator)
        self._audit(operator, "help_wanted", operator, call)
        self._in_story(call, "help_wanted", operator=operator)

    def helped(self, operator: str, supervisor: str, call: str | None) -> None:
        """A supervisor talks with them. `call`: the one that the operator is in, if any."""
        self._wanted.pop(operator, None)
        self._audit(supervisor, "help_given", operator, call)
        self._in_story(call, "help_given", operator=operator, supervisor=supervisor)

    def help_settled(self, operator: str, by: str) -> bool:
        """Somebody says that it is; False if nobody waits for help there."""
        if self._wanted.pop(operator, None) is None:
            return False
        self._audit(by, "help_settled", operator)
        return True

    def _audit(self, by: str, act: str, operator: str, call: str | None = None) -> None:
        self._journal.put("audit", by=by, act=act, about=f"operator:{operator}", call_id=call)

    def _in_story(self, call: str | None, kind: str, **data: object) -> None:
        if call is not None:
            self._journal.put("call_event", call_id=call, kind=kind, flow_node=None, data=data)
