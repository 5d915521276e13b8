"""Journal records of shifts and supervisions. See `ivr.records.recorder`."""

from dataclasses import dataclass
from datetime import datetime

from db.journal import Journal
from ivr.site.roster import Shift


def shift(journal: Journal, planned: Shift) -> None:
    """Record that an operator is planned for a shift; a shift that was cancelled counts again."""
    journal.put("shift", operator_id=planned.operator, begins=planned.begins, ends=planned.ends, cancelled=None)


def shift_cancelled(journal: Journal, operator: str, begins: datetime, at: datetime) -> None:
    """Record that a shift was cancelled."""
    journal.put("shift", operator_id=operator, begins=begins, cancelled=at)


@dataclass(frozen=True, slots=True)
class Supervision:
    """A supervisor who hears an operator's conversation.

    `channel` is that of the supervisor's telephone, the same in all records of one use; `mode` is that of
    `ivr.codes.spy_channel`, and `call` the id of the conversation's call.
    """

    channel: str
    by: str
    operator: str
    mode: str
    call: str | None


def supervision_started(journal: Journal, use: Supervision) -> None:
    """Record a supervision, on the disk before the supervisor hears anything; once more for each change of the mode."""
    _audit(journal, use, use.mode)
    journal.flush()


def supervision_ended(journal: Journal, use: Supervision, why: str) -> None:
    """Record the end of a supervision.

    `why` is conversation (it was over), supervisor (they hung up), restart (they hung up during one) or fault.
    """
    _audit(journal, use, "supervision_ended", why)


def supervision_refused(journal: Journal, use: Supervision, why: str) -> None:
    """Record a refused supervision; `why` is the id of the text that the supervisor hears."""
    _audit(journal, use, "supervision_refused", why.removeprefix("supervision_"))


def _audit(journal: Journal, use: Supervision, act: str, reason: str | None = None) -> None:
    journal.put(
        "audit",
        by=use.by,
        act=act,
        about=f"operator:{use.operator}",
        call_id=use.call,
        reason=reason,
        data={"supervision": use.channel, "mode": use.mode},
    )
