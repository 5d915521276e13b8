"""`queue`: waits for an operator who speaks the caller's language, and runs the conversation.

Waiting callers hear their position, and may leave a message or a call-back request (`record`, `callback`), which ends
the wait, or listen to a `guide`, which does not.
"""

import time
from functools import partial
from typing import Literal

from pydantic import Field, field_validator

from ivr.call import accepted, announcement
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import GoTo
from ivr.call.node import CHANGE_LANGUAGE, OPERATOR, Node, NodeName, TextId, Topic
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.menu import Option
from ivr.flow.nodes.record import Record
from ivr.queue import consent, wait_announcements
from ivr.queue.moves import Move, moved_steps
from ivr.queue.wait_announcements import Alternative, WaitSettings
from ivr.queue.waiting import CallerNeeds, wait_for_operator
from routing.match import Step


class Queue(Node):
    kind: Literal["queue"]
    topic: Topic | None = None  # default: that of the menu or guide that led here
    priority: int = Field(0, ge=-10, le=10)
    consent: TextId | None = None  # asks whether the conversation may be recorded, if the site records any
    say_first_s: float = Field(20, ge=1, le=600)  # from the start of the wait to the first announcement
    say_every_s: float = Field(40, ge=1, le=3600)  # from the end of an announcement to the next
    offers: tuple[Option, ...] = ()  # alternatives: record, callback, guide
    next: NodeName  # after the conversation

    @field_validator("offers")
    @classmethod
    def _keys(cls, offers: tuple[Option, ...]) -> tuple[Option, ...]:
        keys = [offer.key for offer in offers]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"the key {key} is used twice; give each offer a key of its own")
            if key in (OPERATOR, CHANGE_LANGUAGE):
                raise ValueError(f"the key {key} has a fixed meaning; give that offer another one")
        return offers

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, *(offer.next for offer in self.offers))

    def is_menu(self) -> bool:
        return False

    def texts(self) -> tuple[str, ...]:
        asked = (self.consent, *consent.TEXTS) if self.consent is not None else ()
        offered = [text for offer in self.offers for text in (offer.text, f"press_{offer.key}")]
        return ("to_operator", "operator_gone", *wait_announcements.TEXTS, *offered, *asked)

    async def run(self, call: Call, resumed: bool) -> str | None:
        if call.state.transfer is None and call.state.moved is None:  # otherwise somebody knows better
            topics.choose(call, self.topic)
        since = call.state.since
        if self.consent is not None and since is None and call.training is None:
            since = time.time()  # the question does not cost the caller their position
            goes = await consent.ask(call, self.consent)
            if isinstance(goes, GoTo):
                return goes.node
        if (
            call.state.since is None
            and call.training is None
            and (place := await call.services.returners.place(call.state)) is not None
        ):
            since = place.since
            call.event("returned", call=place.call, since=since)
        if call.state.offer is None and call.leg is None:
            await announcement.say(call)  # the language may have changed during the wait
        needed = CallerNeeds(partial(self._steps, call), self.priority, since)
        goes = await wait_for_operator(call, needed, self._settings(call), resumed)
        if call.training is not None:
            return None  # a scripted caller answers no questions about their operator
        return self.next if goes is None else goes.node

    def _steps(self, call: Call) -> tuple[Step, ...]:
        site, state = call.services.site, call.state
        speaks = {operator.id: operator.languages for operator in call.services.operators}
        return moved_steps(
            Move.decode(state.moved),
            state.language,
            site.operators.level,
            state.topic,
            state.preferred_operator,
            site.routing.policy,
            speaks,
        )

    def _settings(self, call: Call) -> WaitSettings:
        nodes = call.flow.nodes
        offers = {
            offer.key: Alternative(
                offer.text,
                offer.next,
                holds=isinstance(nodes[offer.next], GuideNode),
                calls_back=isinstance(nodes[offer.next], Callback),
            )
            for offer in self.offers
            if _accepts(nodes[offer.next]) not in call.state.accepted
        }
        return WaitSettings(self.say_first_s, self.say_every_s, offers)


def _accepts(node: object) -> str | None:
    """Return what a caller accepts at a node, None for a node that is offered any number of times."""
    if isinstance(node, Callback):
        return accepted.CALLBACK
    return accepted.MESSAGE if isinstance(node, Record) and node.file == accepted.MESSAGE else None
