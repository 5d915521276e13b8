"""`say_it`: an open question. The caller says in a few words what it is about, and hears that procedure of the guide.

What was understood is confirmed; of two that are about as likely, the caller chooses one. Everybody else goes on at the
next node: callers who press a key (which counts there), who are not understood twice, or whom nobody can hear.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from ivr.call import said
from ivr.call import topic as topics
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, GoTo, choose, key_text
from ivr.call.node import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, LinearNode, NodeName, Topic
from ivr.flow.nodes.guide import read_procedure
from ivr.site.guide import SERVICE_TEXTS, title

TEXTS = ("say_it_question", "say_it_neither", "speech_again", "speech_right")
_NEITHER = "3"


class SayIt(LinearNode):
    kind: Literal["say_it"]
    topic: Topic | None = None  # of the operator's call, if this leads to one
    send_due_h: int = Field(48, ge=1, le=2000)  # hours until a procedure that a caller wants in writing is due
    back: NodeName

    def leads_to(self) -> tuple[str, ...]:
        return (self.next, self.back)

    def texts(self) -> tuple[str, ...]:
        """Return the node's own texts. Those of the procedures come with the guide."""
        return (*TEXTS, *(key_text(key, short=False) for key in "123"), *SERVICE_TEXTS, *CHOICE_TEXTS)

    async def run(self, call: Call, resumed: bool) -> str | None:
        found = await self._ask(call)
        if isinstance(found, GoTo):
            return found.node
        procedure = await self._confirm(call, found)
        if isinstance(procedure, GoTo):
            return procedure.node
        topics.choose(call, self.topic)
        goes = await read_procedure(call, call.version.guide.procedures[procedure], self.send_due_h)
        return goes.node if goes is not None else self.next

    async def _ask(self, call: Call) -> Sequence[str] | GoTo:
        """Return the procedures that may be meant, best first, at least one."""
        language, text = call.state.language, "say_it_question"
        for _ in range(MISTAKES + 1):
            call.take_waiting_keys()
            if call.keys or not await call.hearing.open(language):
                break
            call.hearing.offered = True
            key = await call.listen(text, anything=True)
            heard = call.hearing.heard
            if key is not None:
                return self._by_key(call, key)
            if heard is None:
                break  # silence
            known = call.version.guide.procedures
            if found := [name for name in heard.found[:2] if name in known]:
                return found
            text = "speech_again"
        return GoTo(self.next)

    def _by_key(self, call: Call, key: str) -> GoTo:
        if key == OPERATOR:
            return GoTo(call.flow.operator, key)
        if key == CHANGE_LANGUAGE:
            return GoTo(call.flow.change_language, key)
        if key == BACK:
            return GoTo(self.back, key)
        if key != REPEAT:
            call.keys.appendleft(key)  # for the menu that follows: callers who press one now know it
        return GoTo(self.next)

    async def _confirm(self, call: Call, found: Sequence[str]) -> str | GoTo:
        """Return the procedure that was meant."""
        language = call.state.language
        if len(found) == 1:
            meant = await said.is_meant(call, [(language, title(found[0]))])
            return found[0] if meant else GoTo(self.next)
        options = {str(key): [(language, title(name))] for key, name in enumerate(found, start=1)}
        options[_NEITHER] = [(language, "say_it_neither")]
        chosen = await choose(
            call, list(options.items()), back=self.back, silent=self.next, after_help=self.next, fresh=True
        )
        if isinstance(chosen, GoTo):
            return chosen
        return GoTo(self.next) if chosen == _NEITHER else found[int(chosen) - 1]
