"""`callback`: takes a call-back request, for the number of this call or another one.

The request is stored; when it is dialled, and by whom, is decided in `ivr.callbacks`.
"""

from dataclasses import replace
from typing import Literal

from db.enums import Outcome
from ivr.call.call import Call
from ivr.call.choice import GoTo, choose
from ivr.call.node import Node, NodeName
from ivr.call.number_entry import NUMBER_TEXTS, enter_number
from ivr.model import clock
from ivr.site import callback_numbers

THIS, OTHER = "1", "2"


class Callback(Node):
    kind: Literal["callback"]
    next: NodeName
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, self.back)

    def silent(self) -> str | None:
        return self.next

    def texts(self) -> tuple[str, ...]:
        return ("callback_this_number", "callback_other_number", "callback_noted", *NUMBER_TEXTS)

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
                number = await enter_number(call, self.back, self.next)
        else:
            number = await enter_number(call, self.back, self.next)
        if isinstance(number, GoTo):
            return number.node
        due = call.services.opening.opens_next(line=call.state.number, language=language)
        call.services.recorder.callback(call.state, number, due or clock.now())
        if call.state.outcome != Outcome.ANSWERED:
            call.set(replace(call.state, outcome=Outcome.CALLBACK))
        call.event("callback", number=number)
        await call.say([(language, "callback_noted")])
        return self.next
