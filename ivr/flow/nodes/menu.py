"""`menu`: a choice of options, each with a key.

The announcement is made from the options, so that keys and words cannot disagree in any language.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, ChoiceNode, GoTo, choose, key_text
from ivr.call.node import Key, NodeName, TextId, Topic, WordsId


class Option(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    text: TextId  # "Status of your file," in a menu, "To leave a message," in a queue
    next: NodeName


class MenuOption(Option):
    words: WordsId | None = None  # what callers may say instead of the key
    confirm: bool = True  # ask whether that was meant, if it was said
    topic: Topic | None = None  # of the operator's call, if this option leads to one; default: that of the menu


class Menu(ChoiceNode):
    kind: Literal["menu"]
    options: tuple[MenuOption, ...] = Field(min_length=1)
    topic: Topic | None = None  # of the operator's call, if this leads to one
    back: NodeName | None = None
    after_help: NodeName | None = None  # after silence or wrong keys; default: an operator

    def leads_to(self) -> tuple[str, ...]:
        others = tuple(node for node in (self.back, self.after_help) if node is not None)
        return (*(option.next for option in self.options), *others)

    def topics(self) -> tuple[str, ...]:
        return (*super().topics(), *(option.topic for option in self.options if option.topic is not None))

    def option_to(self, node: str, topic: str | None) -> str | None:
        options = [option for option in self.options if option.next == node]
        options.sort(key=lambda option: 0 if option.topic == topic else 1 if option.topic is None else 2)
        return options[0].text if options else None

    def silent(self) -> str | None:
        return self.after_help

    def texts(self) -> tuple[str, ...]:
        spoken = [text for option in self.options for text in (option.text, key_text(option.key, short=True))]
        return (*spoken, *super().texts(), *CHOICE_TEXTS)

    def words(self) -> tuple[str, ...]:
        return tuple(option.words for option in self.options if option.words is not None)

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        language = call.state.language
        options = [(option.key, [(language, option.text)]) for option in self.options]
        chosen = await choose(
            call,
            options,
            outro=self.outro_clips(call),
            back=self.back,
            after_help=self.after_help,
            short=True,
            words={option.key: option.words for option in self.options if option.words is not None},
            sure={option.key for option in self.options if not option.confirm},
        )
        if isinstance(chosen, GoTo):
            return chosen.node
        option = next(option for option in self.options if option.key == chosen)
        topics.choose(call, option.topic)
        return option.next
