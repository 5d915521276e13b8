"""`callback`: takes a call-back request, for the number of this call or another one.

The request is stored; when it is dialled, and by whom, is decided in `ivr.callbacks`.
"""

from dataclasses import replace
from typing import Literal

from db.enums import Outcome
from ivr.audio import spoken
from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, GoTo, choose
from ivr.call.node import BACK, MISTAKES, Node, NodeName
from ivr.model import clock
from ivr.model.e164 import groups_of
from ivr.site import callback_numbers
from ivr.site.callback_rules import Refusal

THIS, OTHER = "1", "2"
RIGHT, CORRECT = "1", "2"
_MOST = 17
"""00 and the fifteen digits that E.164 allows."""

WHY = {
    Refusal.NOBODY: ["callback_why_nobody"],
    Refusal.COUNTRY: ["callback_why_country"],
    Refusal.KIND: ["callback_why_kind"],
}
"""The reason why a number cannot be called; played after the text that says so."""


class Callback(Node):
    kind: Literal["callback"]
    next: NodeName
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, self.back)

    def silent(self) -> str | None:
        return self.next

    def texts(self) -> tuple[str, ...]:
        asked = ("callback_this_number", "callback_other_number", "callback_ask_number", "callback_number_wrong")
        confirmed = ("callback_number_is", "callback_right", "callback_correct", "callback_noted", "help_digits")
        reasons = [text for texts in WHY.values() for text in texts]
        return (*asked, *reasons, *confirmed, "press_1", "press_2", *spoken.DIGIT_IDS, *CHOICE_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        language = call.state.language
        number: str | GoTo = call.state.caller
        if callback_numbers.may_be_called(call.state.caller, call.services.site):
            chosen = await choose(
                call,
                [(THIS, [(language, "callback_this_number")]), (OTHER, [(language, "callback_other_number")])],
                back=self.back,
                after_help=self.next,
                fresh=True,
            )
            if isinstance(chosen, GoTo):
                return chosen.node
            if chosen == OTHER:
                number = await self._other(call)
        else:
            number = await self._other(call)
        if isinstance(number, GoTo):
            return number.node
        due = call.services.opening.opens_next(line=call.state.number, language=language)
        call.services.recorder.callback(call.state, number, due or clock.now())
        if call.state.outcome != Outcome.ANSWERED:
            call.set(replace(call.state, outcome=Outcome.CALLBACK))
        call.event("callback", number=number)
        await call.say([(language, "callback_noted")])
        return self.next

    async def _other(self, call: Call) -> str | GoTo:
        """Let the caller enter and confirm a number."""
        language = call.state.language
        question: list[Clip] = [(language, "callback_ask_number")]
        clips, mistakes = question, 0
        while mistakes <= MISTAKES:
            digits = await call.digits(clips, _MOST)
            if digits == BACK:
                return GoTo(self.back)
            number = callback_numbers.entered(digits or "", call.state.country)
            why = callback_numbers.refusal(number, call.services.site)
            if not digits or why is not None:
                mistakes += 1
                reason = WHY.get(why, []) if why is not None else []
                wrong = ["callback_number_wrong", *reason] if digits else ["help_digits"]
                clips = [*((language, text) for text in wrong), *question]
                continue
            groups = groups_of(digits, call.state.country)
            entered: list[Clip] = [(language, "callback_number_is"), *spoken.digit_clips(language, *groups)]
            chosen = await choose(
                call,
                [(RIGHT, [(language, "callback_right")]), (CORRECT, [(language, "callback_correct")])],
                intro=entered,
                back=self.back,
                after_help=self.next,
                fresh=True,
            )
            if isinstance(chosen, GoTo):
                return chosen
            if chosen == RIGHT:
                return number
            clips = question
        call.event("help_over")
        return GoTo(self.next)
