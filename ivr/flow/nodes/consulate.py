"""`consulate`: the consulate of the caller's country: its duty number for emergencies, or where and when to go there.

Where a country has several, the caller chooses one by its city. Numbers are spoken digit by digit, twice.
"""

from typing import Literal

from db.enums import Outcome
from ivr.audio import spoken
from ivr.audio.audible import LONG_PAUSE, Clip
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, ChoiceNode, GoTo, choose, key_text
from ivr.call.node import NodeName, Topic
from ivr.model.e164 import dialled_groups
from ivr.site.consulates import MOST, Consulate
from ivr.site.guide import ProcedureStatus

AGAIN, OTHER = "1", "2"
GUIDE = "1"
"""The key for the guide, where a country has no consulate."""
_NOTICE = "guide_notice"

What = Literal["duty", "visit"]


class ConsulateNode(ChoiceNode):
    kind: Literal["consulate"]
    what: What  # what callers hear first; a key leads to the other
    topic: Topic | None = None  # of the operator's call, if this leads to one
    guide: NodeName  # for callers whose country has no consulate, by a key
    next: NodeName | None = None  # for callers who are silent once they know; default: help, then an operator
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.guide, *((self.next,) if self.next is not None else ()), self.back)

    def texts(self) -> tuple[str, ...]:
        """Return the node's own texts. Those of the consulates come with their list (`Consulates.text_ids`)."""
        numbers = ("consulate_telephone_is", "consulate_duty_is", "consulate_again", *spoken.DIGIT_IDS)
        options = ("hear_again", "consulate_duty", "consulate_visit", "consulate_guide")
        keys = (key_text(str(key), short=True) for key in range(1, MOST + 1))
        return (_NOTICE, "consulate_none", *numbers, *options, *keys, *super().texts(), *CHOICE_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        language, country = call.state.language, call.state.country
        outro, consulates = self.outro_clips(call), call.version.consulates.of(country)
        if not consulates:
            call.event("consulate", what="none", country=country)
            guide: list[Clip] = [(language, "consulate_guide")]
            intro: list[Clip] = [(language, "consulate_none")]
            chosen = await choose(call, [(GUIDE, guide)], intro=intro, outro=outro, back=self.back, short=True)
            return chosen.node if isinstance(chosen, GoTo) else self.guide
        by_key = {str(key): entry for key, entry in enumerate(consulates, start=1)}
        key: str | GoTo = "1"
        if len(by_key) > 1:
            key = await choose(
                call,
                [(key, [(language, entry.city)]) for key, entry in by_key.items()],
                outro=outro,
                back=self.back,
                short=True,
                words={key: entry.words for key, entry in by_key.items()},
            )
        return key.node if isinstance(key, GoTo) else await self._tell(call, by_key[key], outro)

    async def _tell(self, call: Call, consulate: Consulate, outro: list[Clip]) -> str:
        """Tell about a consulate until the caller goes on, and return where."""
        language, what = call.state.language, self.what
        while True:
            call.event("consulate", what=what, country=consulate.country, city=consulate.city)
            if call.state.outcome in (None, Outcome.CLOSED):
                call.set(call.state.replace(outcome=Outcome.SELF_SERVED))
            other: What = "visit" if what == "duty" else "duty"
            chosen = await choose(
                call,
                [(AGAIN, [(language, "hear_again")]), (OTHER, [(language, f"consulate_{other}")])],
                intro=consulate_clips(language, consulate, what),
                outro=outro,
                back=self.back,
                silent=self.next,
                short=True,
            )
            if isinstance(chosen, GoTo):
                return chosen.node
            if chosen == OTHER:
                what = other


def consulate_clips(language: str, consulate: Consulate, what: What) -> list[Clip]:
    """Return the clips that tell about a consulate; callers hear first if nobody has confirmed it."""
    texts = [_NOTICE] if consulate.status is ProcedureStatus.SAMPLE else []
    texts.append(consulate.city)
    if what == "visit":
        texts += [consulate.address, consulate.hours, consulate.appointment]
    said: list[Clip] = [(language, text) for text in texts]
    if what == "duty":
        return [*said, *_number_clips(language, consulate.country, "consulate_duty_is", consulate.duty)]
    number = _number_clips(language, consulate.country, "consulate_telephone_is", consulate.telephone)
    return [*said, *number, (language, consulate.not_done)]


def _number_clips(language: str, country: str, text: str, number: str) -> list[Clip]:
    """Return a number to write down, twice, as people dial it in the consulate's country."""
    digits = spoken.dictated_clips(language, number, dialled_groups(number, country))
    return [(language, text), LONG_PAUSE, *digits, (language, "consulate_again"), LONG_PAUSE, *digits]
