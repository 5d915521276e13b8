"""`say`: plays a text and goes on. A key cuts it short and counts for the next menu.

A `greeting` says who answers, so the administrator's announcement comes after it.
"""

from typing import Literal

from ivr.asterisk.ari import operations
from ivr.call import announcement
from ivr.call.call import Call
from ivr.call.node import CHANGE_LANGUAGE, LinearNode, TextId


class Say(LinearNode):
    kind: Literal["say"]
    text: TextId
    greeting: bool = False

    def greets(self) -> bool:
        return self.greeting

    def answers(self) -> bool:
        return False

    def texts(self) -> tuple[str, ...]:
        return (self.text,)

    async def run(self, call: Call, resumed: bool) -> str | None:
        if resumed and call.state.playback is not None:
            # It was played before the restart and may still be playing: no caller is greeted twice.
            (answer,) = await call.services.link.ask(operations.PLAYBACK(call.state.playback))
            if answer.ok:
                await call.wait_for_playback()
            return self.next
        await call.say(self.text)
        if self.greeting:
            await announcement.say(call)
        if call.keys and call.keys[0] == CHANGE_LANGUAGE:
            call.take_key()
            return call.flow.change_language
        return self.next
