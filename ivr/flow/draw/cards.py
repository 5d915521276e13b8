"""The content of each node's card in the picture: its texts, its keys, and where they lead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ivr.call.node import BACK, CHANGE_LANGUAGE, OPERATOR
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
    """A line of a card: a key, words, and the target node. `language` is that of spoken words."""

    text: str
    key: str = ""
    target: str | None = None
    language: str | None = None
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
                yield Row("then", target=node.next)
            case SayIt():
                yield from self.topic(node.topic)
                yield self.whole("say_it_question")
                yield Row("reads the procedure that is meant")
                yield Row("else, or a key", target=node.next)
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
                    yield Row("no key", target=node.after_help)
            case Ask():
                yield self.whole(node.text)
                yield Row(f"{node.least} to {node.most} digits: {node.name}", key="#", target=node.next)
                yield from self.back(node.back)
            case Hours():
                yield Row("open", target=node.open)
                yield Row("closed", target=node.closed)
                for why, text in (("says", node.text), ("holiday", node.holiday), ("forced", node.forced)):
                    if text is not None:
                        yield Row(f"{why}:")
                        yield self.whole(text)
            case GuideNode():
                yield from self.topic(node.topic)
                for key, procedure in enumerate(node.procedures, start=1):  # a single one begins at once, without a key
                    yield self.says(title(procedure), key=str(key) if len(node.procedures) > 1 else "")
                yield from self.back(node.back)
            case ConsulateNode():
                yield from self.topic(node.topic)
                yield Row("several in the caller's country: by city, with a key")
                yield self.whole(f"consulate_{node.what}")
                yield Row("no consulate in the caller's country:")
                yield self.says("consulate_guide", key=GUIDE, target=node.guide)
                if node.next is not None:
                    yield Row("then no key", target=node.next)
                yield from self.back(node.back)
            case Case():
                yield from self.topic(node.topic)
                yield Row(f"reference, {REFERENCE_DIGITS} digits")
                yield Row(f"PIN, {PIN_DIGITS} digits")
                yield Row("tells the state of the case")
                if node.next is not None:
                    yield Row("then no key", target=node.next)
                yield from self.back(node.back)
            case Record():
                yield from self.topic(node.topic)
                yield self.whole(node.text)
                yield Row(f"at most {node.longest_s} s, hear, again, send")
                yield Row(f"becomes a case: {node.file}, due in {node.due_h} h")
                yield Row("sent", target=node.next)
                yield from self.back(node.back)
            case Callback():
                yield self.says("callback_this_number", key="1")
                yield self.says("callback_other_number", key="2")
                yield Row("stored", target=node.next)
                yield from self.back(node.back)
            case Queue():
                yield from self.topic(node.topic)
                yield Row("waits for an operator in their language")
                if node.priority:
                    yield Row(f"priority {node.priority:+}")
                if node.consent is not None:
                    yield Row("where conversations are recorded:")
                    yield self.whole(node.consent)
                for offer in node.offers:
                    yield self.says(offer.text, key=offer.key, target=offer.next)
                yield Row("after the conversation", target=node.next)
            case Survey():
                yield self.whole(node.text)
                yield Row("stored", key=f"{ANSWERS[0]}-{ANSWERS[-1]}", target=node.next)
            case End():
                if node.text is not None:
                    yield self.whole(node.text)

    def languages(self, node: Language) -> Iterator[Row]:
        if node.institution is not None:
            yield self.whole(node.institution)
        if node.remembered is not None:
            yield Row("returning callers, in their last language:")
            yield Row(self.spoken(self.language, node.remembered), GO_ON, node.continues, self.language)
            yield self.says(node.other, key=CHANGE_LANGUAGE)
            yield Row("other callers:")
        for key, language in node.options.items():
            yield Row(self.spoken(language, node.text), key=key, language=language)
        yield Row("in that language", target=node.next)

    def says(self, text: str, *, key: str = "", target: str | None = None) -> Row:
        return Row(self.spoken(self.language, text), key, target, self.language)

    def whole(self, text: str) -> Row:
        return Row(self.spoken(self.language, text), language=self.language, whole=True)

    @staticmethod
    def topic(topic: str | None) -> Iterator[Row]:
        if topic is not None:
            yield Row(f"topic: {topic}")

    @staticmethod
    def back(node: str | None) -> Iterator[Row]:
        if node is not None:
            yield Row("back", key=BACK, target=node)
