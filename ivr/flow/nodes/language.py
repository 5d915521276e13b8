"""`language`: the language menu. Each option is spoken in its own language, the most likely ones first.

The keys are the same for all callers. Silence means the first language of the caller's country. Callers who have called
before are asked in the language of their last call whether to continue in it: `1` and silence do, `9` leads to the
menu, and the other keys of the menu work directly, for callers who know them by heart. A caller who comes here while
waiting for an operator keeps their language by silence, by `0` and by keys without a meaning.
"""

from typing import Literal

from pydantic import Field

from ivr.audio.audible import Clip
from ivr.call import announcement
from ivr.call.call import Call
from ivr.call.node import CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, Key, LinearNode, TextId
from ivr.site.site import LanguageCode

GO_ON = "1"


class Language(LinearNode):
    kind: Literal["language"]
    text: TextId  # "For service in English,"
    options: dict[Key, LanguageCode] = Field(min_length=1)
    remembered: TextId | None = None  # "To go on in English,"; default: no language is remembered
    other: TextId = "another_language"

    def texts(self) -> tuple[str, ...]:
        keys = {*self.options}
        if self.remembered is not None:
            keys |= {GO_ON, CHANGE_LANGUAGE}
        memory = (self.remembered, self.other) if self.remembered is not None else ()
        return (self.text, *memory, "help_wrong_key", *(f"press_{key}" for key in sorted(keys)))

    async def run(self, call: Call, resumed: bool) -> str | None:
        # A caller who comes back here by 9 wants another language.
        comes_back = call.state.queue_node is not None or call.state.path.count(call.state.node) > 1
        if self.remembered is not None and not comes_back:
            language = await self._recall_language(call)
            if language is not None:
                following = await self._offer_to_continue(call, language, self.remembered)
                if following is not None:
                    return following
        return await self._menu(call)

    async def _recall_language(self, call: Call) -> str | None:
        if not call.services.site.caller_memory or not call.state.caller:
            return None
        await call.step()  # answer the line first: no telephone keeps ringing while the database is read
        language = await call.services.recall_language(call.state.caller)
        return language if language in self.options.values() else None

    async def _offer_to_continue(self, call: Call, language: str, remembered: str) -> str | None:
        """Ask whether to continue in a language. Return where the caller goes, or None for the menu."""
        menu: list[Clip] = [
            (language, remembered),
            (language, f"press_{GO_ON}"),
            (language, self.other),
            (language, f"press_{CHANGE_LANGUAGE}"),
        ]
        while (key := await call.listen(menu)) == REPEAT:
            pass
        if key is None or key == GO_ON:
            return await self._set_language(call, language, self.next)
        if key == OPERATOR:
            return await self._set_language(call, language, call.flow.operator)
        if key in self.options:
            return await self._set_language(call, self.options[key], self.next)
        return None

    async def _menu(self, call: Call) -> str:
        keys = {language: key for key, language in self.options.items()}
        menu = [
            clip
            for language in call.services.site.language_order(call.state.country)
            if language in keys
            for clip in ((language, self.text), (language, f"press_{keys[language]}"))
        ]
        first, mistakes = (menu[0][0] if call.state.queue_node is None else call.state.language), 0
        clips = menu
        while mistakes <= MISTAKES:
            key = await call.listen(clips)
            if key is None:
                return await self._set_language(call, first, self.next)
            if key in self.options:
                return await self._set_language(call, self.options[key], self.next)
            if key == OPERATOR:
                return await self._set_language(call, first, call.flow.operator)
            clips = menu
            if key != REPEAT:
                mistakes += 1
                clips = [(first, "help_wrong_key"), *menu]
        return await self._set_language(call, first, call.flow.operator)

    async def _set_language(self, call: Call, language: str, following: str) -> str:
        call.set(call.state.replace(language=language))
        call.services.recorder.call(call.state.id, language=language)
        if call.state.caller and call.services.site.caller_memory:
            call.services.recorder.caller(call.state)
        call.event("language", language=language)
        await announcement.say(call)
        return following
