"""`end`: says an optional last text and hangs up."""

from typing import Literal

from ivr.call.call import Call
from ivr.call.node import Node, TextId


class End(Node):
    kind: Literal["end"]
    text: TextId | None = None

    def leads_to(self) -> tuple[str, ...]:
        return ()

    def answers(self) -> bool:
        return False

    def is_menu(self) -> bool:
        return False

    def texts(self) -> tuple[str, ...]:
        return (self.text,) if self.text else ()

    async def run(self, call: Call, resumed: bool) -> str | None:
        call.keys.clear()
        if self.text is not None:
            await call.say(self.text)
        return None
