"""`language`: the menu of languages. Each option is spoken in its own language, the caller's likely ones first.

The keys are the same for everybody. Silence means the first language of the caller's country.
"""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from ivr.call import Call
from ivr.flow.nodes.base import MISTAKES, OPERATOR, REPEAT, Key, Node, NodeName, TextId
from ivr.site import LanguageCode


class Language(Node):
    kind: Literal["language"]
    text: TextId  # "For service in English,"
    options: dict[Key, LanguageCode] = Field(min_length=1)
    next: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next,)

    def texts(self) -> tuple[str, ...]:
        return (self.text, "help_wrong_key", *(f"press_{key}" for key in self.options))

    async def run(self, call: Call, resumed: bool) -> str | None:
        keys = {language: key for key, language in self.options.items()}
        menu = [
            clip
            for language in call.services.site.language_order(call.state.country)
            if language in keys
            for clip in ((language, self.text), (language, f"press_{keys[language]}"))
        ]
        first, mistakes = menu[0][0], 0
        clips = menu
        while mistakes <= MISTAKES:
            key = await call.listen(clips)
            if key is None:
                return self._chosen(call, first, self.next)
            if key in self.options:
                return self._chosen(call, self.options[key], self.next)
            if key == OPERATOR:
                return self._chosen(call, first, call.flow.operator)
            clips = menu
            if key != REPEAT:
                mistakes += 1
                clips = [(first, "help_wrong_key"), *menu]
        return self._chosen(call, first, call.flow.operator)

    def _chosen(self, call: Call, language: str, following: str) -> str:
        call.set(replace(call.state, language=language))
        call.services.recorder.call(call.state.id, language=language)
        call.event("language", language=language)
        return following
