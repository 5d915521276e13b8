"""The content of each node's card in the picture: its texts, its keys, and where they lead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ivr.call.node import BACK, CHANGE_LANGUAGE, OPERATOR
from ivr.flow.draw.words import own_language, say
from ivr.flow.file import AnyNode, Flow
from ivr.flow.nodes.ask import Ask
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.case import PIN_DIGITS, REFERENCE_DIGITS, Case
from ivr.flow.nodes.consulate import GUIDE, ConsulateNode
from ivr.flow.nodes.end import End
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.hours import Hours
from ivr.flow.nodes.language import GO_ON, Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.record import Record
from ivr.flow.nodes.say import Say
from ivr.flow.nodes.say_it import SayIt
from ivr.flow.nodes.survey import ANSWERS, Survey
from ivr.site.guide import title

Spoken = Callable[[str, str], str]
"""Returns the text of a language (code) by id."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a card: a key, words, and the target node. Words that are not spoken are the picture's own."""

    text: str
    key: str = ""
    target: str | None = None
    language: str = "en"
    is_spoken: bool = True
    whole: bool = False  # spoken words that may take two lines


@dataclass(frozen=True, slots=True)
class Card:
    """A node's card."""

    name: str
    kind: str
    marks: tuple[str, ...]  # the keys that lead here from anywhere
    rows: tuple[Row, ...]


def cards(flow: Flow, language: str, spoken: Spoken) -> list[Card]:
    """Return one card per node, with the texts in `language`."""
    roles = ((OPERATOR, flow.operator), (CHANGE_LANGUAGE, flow.change_language))
    return [
        Card(
            name,
            node.kind,
            tuple(key for key, role in roles if role == name),
            tuple(_CardWriter(language, spoken).rows(node)),
        )
        for name, node in flow.nodes.items()
    ]


@dataclass(frozen=True, slots=True)
class _CardWriter:
    """Writes the rows of cards."""

    language: str
    spoken: Spoken

    def rows(self, node: AnyNode) -> Iterator[Row]:
        match node:
            case Say():
                yield self.whole(node.text)
                yield self.own("then", target=node.next)
            case SayIt():
                yield from self.topic(node.topic)
                yield self.whole("say_it_question")
                yield self.own("reads the procedure that is meant")
                yield self.own("else, or a key", target=node.next)
                yield from self.back(node.back)
            case Language():
                yield from self.languages(node)
            case Menu():
                yield from self.topic(node.topic)
                for option in node.options:
                    yield self.says(option.text, key=option.key, target=option.next)
                    yield from self.topic(option.topic)
                yield from self.back(node.back)
                if node.after_help is not None:
                    yield self.own("no key", target=node.after_help)
            case Ask():
                yield self.whole(node.text)
                yield self.own(
                    "{least} to {most} digits: {name}", "#", node.next, least=node.least, most=node.most, name=node.name
                )
                yield from self.back(node.back)
            case Hours():
                yield self.own("open", target=node.open)
                yield self.own("closed", target=node.closed)
                for why, text in (("says:", node.text), ("holiday:", node.holiday), ("forced:", node.forced)):
                    if text is not None:
                        yield self.own(why)
                        yield self.whole(text)
            case GuideNode():
                yield from self.topic(node.topic)
                for key, procedure in enumerate(node.procedures, start=1):  # a single one begins at once, without a key
                    yield self.says(title(procedure), key=str(key) if len(node.procedures) > 1 else "")
                yield from self.back(node.back)
            case ConsulateNode():
                yield from self.topic(node.topic)
                yield self.own("several in the caller's country: by city, with a key")
                yield self.whole(f"consulate_{node.what}")
                yield self.own("no consulate in the caller's country:")
                yield self.says("consulate_guide", key=GUIDE, target=node.guide)
                if node.next is not None:
                    yield self.own("then no key", target=node.next)
                yield from self.back(node.back)
            case Case():
                yield from self.topic(node.topic)
                yield self.own("reference, {digits} digits", digits=REFERENCE_DIGITS)
                yield self.own("PIN, {digits} digits", digits=PIN_DIGITS)
                yield self.own("tells the state of the case")
                if node.next is not None:
                    yield self.own("then no key", target=node.next)
                yield from self.back(node.back)
            case Record():
                yield from self.topic(node.topic)
                yield self.whole(node.text)
                yield self.own("at most {seconds} s, hear, again, send", seconds=node.longest_s)
                yield self.own("becomes a case: {kind}, due in {hours} h", kind=node.file, hours=node.due_h)
                yield self.own("sent", target=node.next)
                yield from self.back(node.back)
            case Callback():
                yield self.says("callback_this_number", key="1")
                yield self.says("callback_other_number", key="2")
                yield self.own("stored", target=node.next)
                yield from self.back(node.back)
            case Queue():
                yield from self.topic(node.topic)
                yield self.own("waits for an operator in their language")
                if node.priority:
                    yield self.own("priority {priority:+}", priority=node.priority)
                if node.consent is not None:
                    yield self.own("where conversations are recorded:")
                    yield self.whole(node.consent)
                for offer in node.offers:
                    yield self.says(offer.text, key=offer.key, target=offer.next)
                yield self.own("after the conversation", target=node.next)
            case Survey():
                yield self.whole(node.text)
                yield self.own("stored", f"{ANSWERS[0]}-{ANSWERS[-1]}", node.next)
            case End():
                if node.text is not None:
                    yield self.whole(node.text)

    def languages(self, node: Language) -> Iterator[Row]:
        if node.institution is not None:
            yield self.whole(node.institution)
        if node.remembered is not None:
            yield self.own("returning callers, in their last language:")
            yield Row(self.spoken(self.language, node.remembered), GO_ON, node.continues, self.language)
            yield self.says(node.other, key=CHANGE_LANGUAGE)
            yield self.own("other callers:")
        for key, language in node.options.items():
            yield Row(self.spoken(language, node.text), key=key, language=language)
        yield self.own("in that language", target=node.next)

    def says(self, text: str, *, key: str = "", target: str | None = None) -> Row:
        return Row(self.spoken(self.language, text), key, target, self.language)

    def whole(self, text: str) -> Row:
        return Row(self.spoken(self.language, text), language=self.language, whole=True)

    def own(self, text: str, key: str = "", target: str | None = None, **values: object) -> Row:
        """Return a row of the picture's own words."""
        language = own_language(self.language)
        return Row(say(language, text, **values), key, target, language, is_spoken=False)

    def topic(self, topic: str | None) -> Iterator[Row]:
        if topic is not None:
            yield self.own("topic: {topic}", topic=topic)

    def back(self, node: str | None) -> Iterator[Row]:
        if node is not None:
            yield self.own("back", BACK, node)
