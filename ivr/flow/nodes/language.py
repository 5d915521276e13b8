"""`language`: who answers, and the language menu. Each option is in its own language, the most likely ones first.

The name of the institution comes first, in the languages that the site chooses. The keys are the same for all callers.
Silence means the first language of the caller's country. Callers who have called before hear the name in the language
of their last call, and are asked in it whether to continue in it: `1` and silence do, `9` leads to the menu, and the
other keys of the menu work directly, for callers who know them by heart. A caller who comes here while waiting for an
operator keeps their language by silence, by `0` and by keys without a meaning.
"""

from typing import Literal

from pydantic import Field

from ivr.audio.audible import Clip
from ivr.call import announcement
from ivr.call.call import Call
from ivr.call.choice import key_text
from ivr.call.node import CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, Key, LinearNode, NodeName, TextId
from ivr.site.site import LanguageCode

GO_ON = "1"


class Language(LinearNode):
    kind: Literal["language"]
    institution: TextId | None = None  # who answers; default: nothing is said before the menu
    introduced_in: tuple[LanguageCode, ...] = ()  # the languages in which it is said, unless the caller's is known
    text: TextId  # "English,"
    options: dict[Key, LanguageCode] = Field(min_length=1)
    remembered: TextId | None = None  # "To continue in English,"; default: no language is remembered
    other: TextId = "another_language"
    continues: NodeName | None = None  # for returning callers who keep their language; default: next

    def leads_to(self) -> tuple[str, ...]:
        return (self.next,) if self.continues is None else (self.next, self.continues)

    def greets(self) -> bool:
        return True

    def answers(self) -> bool:
        return False  # its menu does

    def texts(self) -> tuple[str, ...]:
        keys = {*self.options}
        if self.remembered is not None:
            keys |= {GO_ON, CHANGE_LANGUAGE}
        memory = (self.remembered, self.other) if self.remembered is not None else ()
        name = (self.institution,) if self.institution is not None else ()
        return (*name, self.text, *memory, "help_wrong_key", *(key_text(key, short=True) for key in sorted(keys)))

    async def run(self, call: Call, resumed: bool) -> str | None:
        # A caller who comes back here by 9 or * wants another language, and knows who answers.
        comes_back = call.state.queue_node is not None or call.state.path.count(call.state.node) > 1
        recalled = None
        if not comes_back:
            recalled = await self._recall_language(call)
            if recalled is not None:
                call.set(call.state.replace(language=recalled))
            if not resumed:
                await self._introduce(call, self.introduced_in if recalled is None else (recalled,))
            await announcement.say(call)
        chosen = await self._offer_to_continue(call, recalled) if recalled is not None else None
        language, following = chosen or await self._menu(call)
        self._set_language(call, language)
        if following == call.flow.operator and not comes_back and language not in (recalled, *self.introduced_in):
            await self._introduce(call, (language,))
        if not call.flow.nodes[following].greets():
            await announcement.say(call)
        return following

    async def _recall_language(self, call: Call) -> str | None:
        if self.remembered is None or not call.services.site.caller_memory or not call.state.caller or call.training:
            return None
        await call.step()  # answer the line first: no telephone keeps ringing while the database is read
        language = await call.services.database.language(call.state.caller)
        return language if language in self.options.values() else None

    async def _introduce(self, call: Call, languages: tuple[str, ...]) -> None:
        """Say who answers. A key cuts it short and is kept."""
        if self.institution is not None and languages:
            await call.say(*((language, self.institution) for language in languages))

    async def _offer_to_continue(self, call: Call, language: str) -> tuple[str, NodeName] | None:
        """Ask whether to continue in a language. Return the chosen one and the next node, or None for the menu."""
        menu: list[Clip] = [
            (language, str(self.remembered)),
            (language, key_text(GO_ON, short=True)),
            (language, self.other),
            (language, key_text(CHANGE_LANGUAGE, short=True)),
        ]
        while (key := await call.listen(*menu)) == REPEAT:
            pass
        if key is None or key == GO_ON:
            return language, self.continues or self.next
        if key == OPERATOR:
            return language, call.flow.operator
        if key in self.options:
            return self.options[key], self.next
        return None

    async def _menu(self, call: Call) -> tuple[str, NodeName]:
        """Return the chosen language and the next node."""
        keys = {language: key for key, language in self.options.items()}
        menu = [
            clip
            for language in call.services.site.language_order(call.state.country)
            if language in keys
            for clip in ((language, self.text), (language, key_text(keys[language], short=True)))
        ]
        first, mistakes = (menu[0][0] if call.state.queue_node is None else call.state.language), 0
        clips = menu
        while mistakes <= MISTAKES:
            key = await call.listen(*clips)
            if key is None:
                return first, self.next
            if key in self.options:
                return self.options[key], self.next
            if key == OPERATOR:
                break
            clips = menu
            if key != REPEAT:
                mistakes += 1
                clips = [(first, "help_wrong_key"), *menu]
        return first, call.flow.operator

    @staticmethod
    def _set_language(call: Call, language: str) -> None:
        call.set(call.state.replace(language=language))
        call.services.recorder.call(call.state.id, language=language)
        if call.state.caller and call.services.site.caller_memory and call.training is None:
            call.services.recorder.caller(call.state)
        call.event("language", language=language)
