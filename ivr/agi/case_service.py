"""`agi://host/case`: the state of a case file, for a caller who has entered its reference and its PIN."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from db import references
from ivr.agi.request import Request
from ivr.cases.case_lookup import Answer, CaseStatus, Locked, NoMatch
from ivr.model.e164 import normalise
from ivr.site.site import Site

PIN = "HATIF_PIN"
"""The variable with the PIN. An argument of AGI() would be in Asterisk's log and in the call's CDR."""

_PIN_DIGITS = 6
_MOST_AT_ONCE = 20
"""Each check of a PIN takes some 70 ms of a core: a dialplan that asks faster gets `unavailable`."""


class Lookup(Protocol):
    """Case lookup for callers: `ivr.cases.case_lookup`."""

    async def ask(self, reference: str, entered: str, *, caller: str, call: str) -> Answer: ...


class CaseService:
    """Answers with the same limits on attempts as the line's own callers have."""

    def __init__(self, site: Callable[[], Site], lookup: Lookup) -> None:
        self._site, self._lookup = site, lookup
        self._asking = 0

    async def answer(self, request: Request, variable: Callable[[str], Awaitable[str]]) -> dict[str, str]:
        """Return what the caller may hear. Argument: the reference. `variable` reads a variable of the call."""
        reference, pin = _digits(request.argument(1)), _digits(await variable(PIN))
        found: Answer | str
        if not references.is_valid(reference):
            found = "wrong_reference"
        elif len(pin) != _PIN_DIGITS:
            found = "no_match"  # no PIN is like that, so nothing is counted
        elif self._asking >= _MOST_AT_ONCE:
            found = "unavailable"
        else:
            self._asking += 1
            try:
                caller = normalise(request.caller, self._site().number_rules(None, request.extension)) or ""
                found = await self._lookup.ask(reference, pin, caller=caller, call=f"agi {request.channel}")
            finally:
                self._asking -= 1
        return {PIN: "", **_variables(found)}


def _variables(found: Answer | str) -> dict[str, str]:
    status = found if isinstance(found, CaseStatus) else None
    match found:
        case str():
            result = found
        case CaseStatus():
            result = "found"
        case NoMatch(locked):
            result = "locked" if locked else "no_match"
        case Locked():
            result = "locked"
        case _:
            result = "unavailable"
    expected = status.expected if status is not None else None
    return {
        "HATIF_CASE": result,
        "HATIF_CASE_STATE": status.state if status is not None else "",
        "HATIF_CASE_MISSING": ",".join(status.missing) if status is not None else "",
        "HATIF_CASE_EXPECTED": expected.isoformat() if expected is not None else "",
        "HATIF_CASE_OWNER": (status.owner or "") if status is not None else "",
    }


def _digits(written: str) -> str:
    return "".join(character for character in written if character in "0123456789")
