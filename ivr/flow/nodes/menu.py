"""`menu`: a choice of options, each with a key.

The announcement is made from the options, so that keys and words cannot disagree in any language.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, GoTo, choose
from ivr.call.node import Key, Node, NodeName, TextId, Topic


class Option(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    text: TextId  # "For the state of your file,"
    next: NodeName


class Menu(Node):
    kind: Literal["menu"]
    options: tuple[Option, ...] = Field(min_length=1)
    topic: Topic | None = None  # of the operator's call, if this leads to one
    back: NodeName | None = None
    after_help: NodeName | None = None  # after silence or wrong keys; default: an operator

    def leads_to(self) -> tuple[str, ...]:
        others = tuple(node for node in (self.back, self.after_help) if node is not None)
        return (*(option.next for option in self.options), *others)

    def silent(self) -> str | None:
        return self.after_help

    def texts(self) -> tuple[str, ...]:
        spoken = [text for option in self.options for text in (option.text, f"press_{option.key}")]
        return (*spoken, *CHOICE_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        topics.choose(call, self.topic)
        options = [(option.key, [(call.state.language, option.text)]) for option in self.options]
        chosen = await choose(call, options, back=self.back, after_help=self.after_help)
        if isinstance(chosen, GoTo):
            return chosen.node
        return next(option.next for option in self.options if option.key == chosen)
