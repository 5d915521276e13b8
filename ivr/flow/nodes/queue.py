"""`queue`: waits for an operator who speaks the caller's language, and talks to him.

While he waits a caller is told where he stands, and may do something else instead: leave a message or a wish to be
called back (`record`, `callback`), which ends the wait, or hear a `guide`, which does not.
"""

import time
from typing import Literal

from pydantic import Field, field_validator

from ivr.call import announcement
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import Goes
from ivr.call.node import CHANGE_LANGUAGE, OPERATOR, Node, NodeName, TextId, Topic
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.menu import Option
from ivr.queue import consent, while_waiting
from ivr.queue.waiting import Needs, wait_for_operator
from ivr.queue.while_waiting import Meanwhile, Offered
from routing.match import Step
from routing.policy import usual_steps


class Queue(Node):
    kind: Literal["queue"]
    topic: Topic | None = None  # absent: that of the menu or guide which led here
    priority: int = Field(0, ge=-10, le=10)
    consent: TextId | None = None  # the question whether the conversation may be recorded, where the site records any
    say_first_s: float = Field(20, ge=1, le=600)  # how long he waits until he is told where he stands
    say_every_s: float = Field(60, ge=1, le=3600)  # and from the end of that until he is told again
    offers: tuple[Option, ...] = ()  # what he may do instead: record, callback, guide
    next: NodeName  # after the conversation

    @field_validator("offers")
    @classmethod
    def _keys(cls, offers: tuple[Option, ...]) -> tuple[Option, ...]:
        keys = [offer.key for offer in offers]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"the key {key} stands twice; give each offer a key of its own")
            if key in (OPERATOR, CHANGE_LANGUAGE):
                raise ValueError(f"the key {key} has a meaning of its own; give that offer another one")
        return offers

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, *(offer.next for offer in self.offers))

    def texts(self) -> tuple[str, ...]:
        asked = (self.consent, *consent.TEXTS) if self.consent is not None else ()
        offered = [text for offer in self.offers for text in (offer.text, f"press_{offer.key}")]
        return ("to_operator", "operator_gone", *while_waiting.TEXTS, *offered, *asked)

    async def run(self, call: Call, resumed: bool) -> str | None:
        if call.state.transfer is None:  # else an operator knows better
            topics.choose(call, self.topic)
        since = call.state.since
        if self.consent is not None and since is None:
            since = time.time()  # the question costs him no place
            goes = await consent.ask(call, self.consent)
            if isinstance(goes, Goes):
                return goes.to
        if call.state.since is None and (place := await call.services.returning(call.state)) is not None:
            since = place.since
            call.event("returned", call=place.call, since=since)
        if call.state.offer is None and call.leg is None:
            await announcement.say(call)  # he may have changed the language while he waited
        needed = Needs(self._steps(call), self.priority, since)
        goes = await wait_for_operator(call, needed, self._meanwhile(call), resumed)
        return self.next if goes is None else goes.to

    def _steps(self, call: Call) -> tuple[Step, ...]:
        site, state = call.services.site, call.state
        return usual_steps(state.language, site.operators.level, state.topic, state.prefers, site.routing.policy)

    def _meanwhile(self, call: Call) -> Meanwhile:
        nodes = call.flow.nodes
        offers = {
            each.key: Offered(
                each.text,
                each.next,
                holds=isinstance(nodes[each.next], GuideNode),
                calls_back=isinstance(nodes[each.next], Callback),
            )
            for each in self.offers
        }
        return Meanwhile(self.say_first_s, self.say_every_s, offers)
