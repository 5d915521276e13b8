"""`agi://host/log`: a call that the dialplan served by itself becomes a row of the database when it ends."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

from db import references
from db.enums import Outcome
from ivr.agi.request import Request
from ivr.call.first_state import call_id_of, printable_number
from ivr.model import clock
from ivr.model.channel_ids import born
from ivr.model.e164 import country_of, normalise
from ivr.records import dialplan_calls
from ivr.records.recorder import Recorder
from ivr.site.site import Site

_KEYS = ("outcome", "number", "language", "topic", "operator", "case", "started", "queued", "connected", "ended")
_OUTCOMES = tuple(outcome.value for outcome in Outcome if outcome is not Outcome.FALLBACK)
_INSTANTS = ("started", "queued", "connected", "ended")
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,30}")
_LONGEST = timedelta(days=1)
_CLOCKS = timedelta(seconds=5)
_NUMBER = re.compile(r"\+?[0-9]{1,20}")


class _WrongError(Exception):
    """An argument is wrong; one sentence that says what to write."""


class LogService:
    """Writes calls to the journal. `operators`: the ids of all operators."""

    def __init__(self, site: Callable[[], Site], operators: Collection[str], recorder: Recorder) -> None:
        self._site, self._operators, self._recorder = site, operators, recorder

    def answer(self, request: Request) -> dict[str, str]:
        """Record the call; return its id, or what is wrong with the arguments."""
        try:
            call = self._call(request, _arguments(request))
        except _WrongError as error:
            return {"HATIF_LOG": "", "HATIF_LOG_ERROR": str(error)}
        dialplan_calls.record(self._recorder, call)
        return {"HATIF_LOG": call.id, "HATIF_LOG_ERROR": ""}

    def _call(self, request: Request, given: Mapping[str, str]) -> dialplan_calls.DialplanCall:
        if not request.channel:
            raise _WrongError("the request has no agi_uniqueid")
        if given.get("outcome") not in _OUTCOMES:
            raise _WrongError(f"outcome must be one of {', '.join(_OUTCOMES)}: write outcome=answered")
        times = self._times(request, given)
        language, operator, topic = given.get("language"), given.get("operator"), given.get("topic")
        if language is not None and language not in self._site().languages:
            raise _WrongError(f"language must be one of {', '.join(self._site().languages)}")
        if operator is not None and operator not in self._operators:
            raise _WrongError(f"operator {_shown(operator)} is not in operators.csv")
        if topic is not None and not _TOPIC.fullmatch(topic):
            raise _WrongError(f"topic {_shown(topic)} must be lower-case letters, digits and _")
        case = given.get("case")
        if case is not None and not references.is_valid(case):
            raise _WrongError(f"case {_shown(case)} is not a reference")
        dialled = given.get("number") or (request.extension if _is_number(request.extension) else request.dnid)
        number = self._site().number_dialled(dialled)
        caller = normalise(request.caller, self._site().number_rules(None, dialled))
        return dialplan_calls.DialplanCall(
            # Not the id of a call of ours on the same channel: its row must not be overwritten.
            id=call_id_of(f"{self._site().node}/{dialplan_calls.NODE}", request.channel, times["started"]),
            channel=request.channel,
            outcome=Outcome(given["outcome"]),
            number=number.number if number is not None else (dialled if _is_number(dialled) else None),
            caller=caller,
            caller_raw=printable_number(request.caller),
            country=(number.country if number is not None else None) or country_of(caller or ""),
            language=language,
            topic=topic,
            operator=operator,
            case=references.normalize(case) if case is not None else None,
            started=times["started"],
            queued=times.get("queued"),
            connected=times.get("connected"),
            ended=times["ended"],
        )

    def _times(self, request: Request, given: Mapping[str, str]) -> dict[str, datetime]:
        """Return the instants that are known, in order. A call begins when its channel did and ends now."""
        now = clock.now()
        seconds = born(request.channel)
        found = {"started": datetime.fromtimestamp(seconds, UTC) if seconds is not None else now, "ended": now}
        for name in _INSTANTS:
            if name in given:
                found[name] = _instant(name, given[name])
        earliest = now - _LONGEST
        for name in _INSTANTS:
            if name in found and not earliest <= found[name] <= now + _CLOCKS:
                raise _WrongError(f"{name} must be in order ({', '.join(_INSTANTS)}), within a day, and not to come")
            earliest = found.get(name, earliest)
        return found


def _arguments(request: Request) -> dict[str, str]:
    """Return the arguments, each `key=value`; an empty value is as if it were not given."""
    found = {}
    for argument in request.arguments:
        key, sign, value = argument.partition("=")
        if not argument:
            continue
        if not sign or key.strip() not in _KEYS:
            raise _WrongError(f"{_shown(argument)} must be key=value with one of {', '.join(_KEYS)}")
        if value.strip():
            found[key.strip()] = value.strip()
    return found


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _instant(name: str, text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{9,11}", text):
        raise _WrongError(f"{name} {_shown(text)} must be seconds since 1970, as in EPOCH")
    return datetime.fromtimestamp(int(text), UTC)


def _shown(text: str) -> str:
    return repr(text[:30])
