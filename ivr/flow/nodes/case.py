"""`case`: the state of a case by telephone: reference, PIN, state, and on request the operator who handles the case.

The keys pressed here are not recorded, since callers may confuse the two questions. A reference with a valid check
digit is recorded with the result.
"""

from collections.abc import Collection
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from db import references
from db.enums import CaseState, Outcome
from ivr.audio import spoken
from ivr.audio.audible import Clip
from ivr.call import accepted
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, HELP_DIGITS, GoTo, choose, help_digits, key_text
from ivr.call.node import BACK, MISTAKES, OPERATOR, TRIES, Node, NodeName, Topic
from ivr.cases.case_lookup import Answer, CaseStatus, Locked, NoMatch, Unavailable
from ivr.model import clock
from ivr.records.callback_records import record_case_request
from ivr.site import callback_numbers

AGAIN, OTHER, TELL = "1", "2", "3"
REFERENCE_DIGITS, PIN_DIGITS = 9, 6
UNKNOWN = "missing_other"
"""Played for a missing document that has no text of its own."""

_YEAR_DAYS = 365
"""Dates are spoken without the year: a date further ahead would be taken for an earlier one."""


class Case(Node):
    kind: Literal["case"]
    topic: Topic | None = None  # of the operator's call, if this leads to one
    next: NodeName | None = None  # for callers who are silent once they know the state; default: help, then an operator
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.back,) if self.next is None else (self.next, self.back)

    def texts(self) -> tuple[str, ...]:
        asked = ("case_ask_reference", "case_reference_wrong", "case_ask_pin", *HELP_DIGITS)
        refused = ("case_no_match", "case_locked", "case_locked_call", "case_unavailable")
        states = tuple(f"case_state_{state}" for state in CaseState)
        answers = ("case_missing", UNKNOWN, "case_expected", *spoken.DATE_IDS)
        keys = tuple(key_text(key, short=True) for key in (AGAIN, OTHER, TELL, OPERATOR))
        options = ("hear_again", "case_other", "case_operator", "told_option", "told_noted", "told_refused", *keys)
        return (*asked, *refused, *states, *answers, *options, *CHOICE_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        before: list[Clip] = []
        fresh = False
        while True:
            reference = await self._enter(call, "case_ask_reference", REFERENCE_DIGITS, before, fresh)
            if isinstance(reference, GoTo):
                return reference.node
            before, fresh = [], True
            entered = await self._enter(call, "case_ask_pin", PIN_DIGITS)
            if isinstance(entered, GoTo):
                if entered.key == BACK:
                    continue  # one step back
                return entered.node
            answer = await call.services.case_lookup.ask(
                reference, entered, caller=call.state.caller, call=call.state.id
            )
            goes = await self._tell_result(call, reference, answer)
            if goes is not None:
                return goes.node
            if isinstance(answer, NoMatch):
                before = [(call.state.language, "case_no_match")]

    async def _enter(
        self, call: Call, question: str, length: int, before: list[Clip] | None = None, fresh: bool = False
    ) -> str | GoTo:
        """Return the digits entered, or where the caller goes. A reference must have a valid check digit."""
        language = call.state.language
        clips: list[Clip] = [*(before or ()), (language, question)]
        silences = 0
        for _ in range(TRIES):
            digits = await call.digits(*clips, most=length, secret=True, fresh=fresh)
            if digits == BACK:
                return GoTo(self.back, BACK)
            if digits is not None and len(digits) == length:
                if length != REFERENCE_DIGITS or references.is_valid(digits):
                    return digits
                wrong = "case_reference_wrong"
            else:
                wrong = help_digits(digits)
            silences += digits is None
            if silences > MISTAKES:
                break
            clips, fresh = [(language, wrong), (language, question)], True
        call.event("help_over")
        return GoTo(call.flow.operator)

    async def _tell_result(self, call: Call, reference: str, answer: Answer) -> GoTo | None:
        """Tell the result. Return where the caller goes then, or None for another reference."""
        language = call.state.language
        match answer:
            case CaseStatus():
                call.event("case", reference=reference, result="told")
                return await self._tell_case(call, answer)
            case NoMatch(locked):
                call.event("case", reference=reference, result="no_match")
                if not locked:
                    return None
                texts = ["case_no_match", "case_locked"]
            case Locked(own, right):
                call.event("case", reference=reference, result="locked")
                texts = [self._call_applicant(call, reference, right) if own else "case_locked"]
            case Unavailable():
                call.event("case", reference=reference, result="unavailable")
                texts = ["case_unavailable"]
        operator: list[Clip] = [(language, "case_operator")]
        chosen = await choose(
            call,
            [(OPERATOR, operator)],
            intro=[(language, text) for text in texts],
            back=self.back,
            fresh=True,
            short=True,
        )
        return chosen if isinstance(chosen, GoTo) else GoTo(call.flow.operator)

    async def _tell_case(self, call: Call, file: CaseStatus) -> GoTo | None:
        state, language = call.state, call.state.language
        outcome = state.outcome if state.outcome not in (None, Outcome.CLOSED) else Outcome.SELF_SERVED
        owner = file.owner if file.state != CaseState.CLOSED else None
        call.set(state.replace(case=file.reference, filed=True, preferred_operator=owner, outcome=outcome))
        call.services.recorder.call(state.id, case_reference=file.reference)
        today = clock.now().astimezone(ZoneInfo(call.services.site.hours.timezone)).date()
        intro = case = case_clips(language, file, today, call.version.sounds.ids)
        while True:
            may_tell = call.services.site.callbacks.trunk is not None and file.reference not in call.state.accepted
            options: list[tuple[str, list[Clip]]] = [
                (AGAIN, [(language, "hear_again")]),
                (OTHER, [(language, "case_other")]),
                *([(TELL, [(language, "told_option")])] if may_tell else []),
                (OPERATOR, [(language, "case_operator")]),
            ]
            chosen = await choose(call, options, intro=intro, back=self.back, silent=self.next, short=True)
            if isinstance(chosen, GoTo):
                return chosen
            if chosen == TELL:
                intro = [(language, self._request_notification(call, file.reference))]
                continue
            intro = case
            if chosen == OPERATOR:
                return GoTo(call.flow.operator)
            if chosen == OTHER:
                return None

    def _call_applicant(self, call: Call, reference: str, right: bool) -> str:
        """Have the applicant called, who may be somebody else than this caller. Return the text to say.

        The text, and when it is said, do not tell whether the PIN was right.
        """
        site, number = call.services.site, call.state.caller
        if site.callbacks.trunk is None or callback_numbers.refusal(number, site) is not None:
            return "case_locked"
        if right:
            record_case_request(call.services.recorder, call.state, reference, at_once=True)
            call.event("case_call_applicant", reference=reference, number=number)
        return "case_locked_call"

    def _request_notification(self, call: Call, reference: str) -> str:
        """Request a call when the state of the case changes, only to the caller's number. Return the text to say."""
        if (why := callback_numbers.refusal(call.state.caller, call.services.site)) is not None:
            call.event("case_call_refused", reference=reference, why=why.value)
            return "told_refused"
        record_case_request(call.services.recorder, call.state, reference)
        accepted.accept(call, reference)
        call.event("case_call_requested", reference=reference, number=call.state.caller)
        return "told_noted"


def case_clips(language: str, file: CaseStatus, today: date, known: Collection[str]) -> list[Clip]:
    """Return the clips for a case: its state, what is missing unless it is closed, and when to expect what.

    `known`: the ids of all texts. A date that has passed, or is a year ahead, is left out.
    """
    clips: list[Clip] = [(language, f"case_state_{file.state}")]
    if file.missing and file.state != CaseState.CLOSED:
        words = (f"missing_{word}" for word in file.missing)
        # Each text once, and the one for everything else at the end.
        texts = dict.fromkeys(text if text in known else UNKNOWN for text in words)
        if UNKNOWN in texts:
            texts[UNKNOWN] = texts.pop(UNKNOWN)
        clips += [(language, text) for text in ("case_missing", *texts)]
    going_on = file.state not in (CaseState.READY, CaseState.CLOSED)
    if file.expected is not None and going_on and 0 <= (file.expected - today).days < _YEAR_DAYS:
        clips += [(language, "case_expected"), *spoken.date_clips(language, file.expected)]
    return clips
