"""All codes, each with the function that does it. A new one is a line here, one in `table` and one in `ivr.site.codes`.

A code without a function here is said to be not in use.
"""

from collections.abc import Awaitable, Callable

from ivr.codes import help_call, information, states, supervise
from ivr.codes.call_back import call_back
from ivr.codes.call_colleague import call_colleague
from ivr.codes.code_call import CodeCall
from ivr.codes.talk_codes import in_conversation

Handler = Callable[[CodeCall], Awaitable[None]]
"""Does the code on its channel, which is hung up afterwards. Raises CodeRefused with what the operator is to hear
instead; whatever else it raises is met by `run`."""

CODES: dict[str, Handler] = {
    "ready": states.ready,
    "pause": states.pause,
    "wrap_up_end": states.wrap_up_end,
    "wrap_up_more": states.wrap_up_more,
    "who_am_i": information.who_am_i,
    "last_file": information.last_file,
    "call_back": call_back,
    "help": help_call.help_,
    "listen": supervise.listen,
    "whisper": supervise.whisper,
    "join": supervise.join,
    "hold": in_conversation,
    "transfer": in_conversation,
    "consult": in_conversation,
    "interpreter": in_conversation,
}

BESIDES: dict[str, Handler] = {"colleague": call_colleague}
"""What else operators may dial: one another's numbers."""
