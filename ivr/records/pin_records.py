"""Journal records of wrong PINs."""

from typing import Any, Literal

from ivr.records.recorder import Recorder, instant


def record_pin_failures(
    recorder: Recorder,
    table: Literal["case_file", "caller"],
    key: str,
    failures: int,
    locked_until: float | None,
    *,
    own: bool = False,
) -> None:
    """Record the failed PINs of a case file or a number, on the disk at once: the PIN is checked afterwards.

    Args:
        own: Of a case file: those from its applicant's own number, not those from others.
    """
    until = instant(locked_until) if locked_until is not None else None
    row: dict[str, Any] = {"reference" if table == "case_file" else "number": key}
    kind = "pin_own" if own else "pin"
    recorder.journal.put(table, **row, **{f"{kind}_failures": failures, f"{kind}_locked_until": until})
    recorder.journal.flush()
