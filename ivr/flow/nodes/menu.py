"""`menu`: what there is, and the key for each. The announcement is made from the options, so that keys and words
cannot disagree in one of the languages."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ivr.call import Call, Clip
from ivr.flow.nodes.base import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, Key, Node, NodeName, TextId


class Option(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    text: TextId  # "For the state of your file,"
    next: NodeName


class Menu(Node):
    kind: Literal["menu"]
    options: tuple[Option, ...] = Field(min_length=1)
    back: NodeName | None = None

    @field_validator("options")
    @classmethod
    def _keys_differ(cls, options: tuple[Option, ...]) -> tuple[Option, ...]:
        keys = [option.key for option in options]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"the key {key} stands twice in one menu; give each option a key of its own")
        return options

    def leads_to(self) -> tuple[str, ...]:
        return tuple(option.next for option in self.options) + ((self.back,) if self.back else ())

    def texts(self) -> tuple[str, ...]:
        spoken = [text for option in self.options for text in (option.text, f"press_{option.key}")]
        return (*spoken, "help_silence", "help_wrong_key")

    async def run(self, call: Call, resumed: bool) -> str | None:
        language = call.state.language
        menu: list[Clip] = [
            clip for option in self.options for clip in ((language, option.text), (language, f"press_{option.key}"))
        ]
        chosen = {option.key: option.next for option in self.options}
        clips, mistakes = menu, 0
        while mistakes <= MISTAKES:
            key = await call.listen(clips)
            if key is not None and key in chosen:
                return chosen[key]
            if key == OPERATOR:
                return call.flow.operator
            if key == CHANGE_LANGUAGE:
                return call.flow.change_language
            if key == BACK and self.back is not None:
                return self.back
            clips = menu
            if key != REPEAT:
                mistakes += 1
                clips = [(language, "help_silence" if key is None else "help_wrong_key"), *menu]
        call.event("help_over")
        return call.flow.operator
