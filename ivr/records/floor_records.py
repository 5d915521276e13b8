"""Journal records of the floor: shifts, and who supervised whom. See `ivr.records.recorder`."""

from dataclasses import dataclass
from datetime import datetime

from db.journal import Journal
from ivr.site.roster import Shift


def shift(journal: Journal, planned: Shift) -> None:
    """That he is planned; one that was cancelled counts again."""
    journal.put("shift", operator_id=planned.operator, begins=planned.begins, ends=planned.ends, cancelled=None)


def shift_cancelled(journal: Journal, operator: str, begins: datetime, at: datetime) -> None:
    journal.put("shift", operator_id=operator, begins=begins, cancelled=at)


@dataclass(frozen=True, slots=True)
class Supervision:
    """Who hears whom: `channel` of his telephone (it holds the records of one use together), `mode` of
    `ivr.codes.spy_channel`, `call` of the conversation."""

    channel: str
    by: str
    operator: str
    mode: str
    call: str | None


def supervision_started(journal: Journal, use: Supervision) -> None:
    """On the disk before he hears anything; said again for each change of the mode."""
    _audit(journal, use, use.mode)
    journal.flush()


def supervision_ended(journal: Journal, use: Supervision, why: str) -> None:
    """`why`: conversation (it was over), supervisor (he hung up), restart (meanwhile), fault."""
    _audit(journal, use, "supervision_ended", why)


def supervision_refused(journal: Journal, use: Supervision, why: str) -> None:
    """`why`: the id of the text that he hears."""
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
