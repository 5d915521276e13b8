"""`callback`: takes a call-back request, for the number of this call or another one.

The request is stored; when it is dialled, and by whom, is decided in `ivr.callbacks`. A caller who gives no number that
can be called hears that nothing was noted, and goes back.
"""

from typing import Literal

from db.enums import Outcome
from ivr.call import accepted
from ivr.call.call import Call
from ivr.call.choice import GoTo, choose
from ivr.call.node import Node, NodeName
from ivr.call.number_entry import NUMBER_TEXTS, WHY, enter_number
from ivr.model import clock
from ivr.records.limit_counts import Limit
from ivr.site import callback_numbers

THIS, OTHER = "1", "2"
_NOT_THIS = "told_refused"
"""Said before another number is asked for: the caller's own is not called. The reason follows."""

_REFUSED = {
    Limit.CALLBACKS_OF_NUMBER: "callback_open",  # the caller will be called, as they want
    Limit.CALLBACKS_OF_CALLER: "callback_other_open",
    Limit.CALLBACKS_UNWANTED: "callback_unwanted",
}
"""The text for each reason why no second request is noted."""


class Callback(Node):
    kind: Literal["callback"]
    next: NodeName
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, self.back)

    def silent(self) -> str | None:
        return self.back

    def texts(self) -> tuple[str, ...]:
        own = ("callback_this_number", "callback_other_number", "callback_noted", "callback_not_noted", "place_kept")
        return (*own, _NOT_THIS, *_REFUSED.values(), *NUMBER_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        language = call.state.language
        number = await self._number(call)
        if isinstance(number, GoTo):
            if number.key is None:
                call.event("callback_given_up")
                keeps_place = call.state.since is not None and call.state.connected_at is None
                await call.say("callback_not_noted", *(["place_kept"] if keeps_place else []))
            return number.node
        if (why := await call.services.caller_limits.why_no_callback(number, call.state.caller)) is not None:
            call.services.recorder.counts.limits.reach(why)
            call.event("callback_refused", number=number, why=why.value)
            await call.say(_REFUSED[why])
            if why is not Limit.CALLBACKS_OF_NUMBER:
                return self.back
        else:
            due = call.services.opening.opens_next(line=call.state.number, language=language)
            if not call.is_test:  # else the line would call somebody who was only named
                request = call.services.recorder.callback(call.state, number, due or clock.now())
                call.services.caller_limits.callback_requested(request, number, call.state.caller)
        if call.state.outcome != Outcome.ANSWERED:
            call.set(call.state.replace(outcome=Outcome.CALLBACK))
        accepted.accept(call, accepted.CALLBACK)
        if why is None:
            call.event("callback", number=number)
            await call.say("callback_noted")
        return self.next

    async def _number(self, call: Call) -> str | GoTo:
        """Return the number to call, or where the caller goes instead; without a key if they gave none."""
        language, caller = call.state.language, call.state.caller
        if (why := callback_numbers.refusal(caller, call.services.site)) is not None:
            told = [_NOT_THIS, *WHY.get(why, ())] if caller else []
            return await enter_number(call, self.back, [(language, text) for text in told])
        chosen = await choose(
            call,
            [(THIS, [(language, "callback_this_number")]), (OTHER, [(language, "callback_other_number")])],
            back=self.back,
            after_help=self.back,
            fresh=True,
        )
        if isinstance(chosen, GoTo):
            return chosen
        return await enter_number(call, self.back) if chosen == OTHER else caller
