"""All feature codes, each with its function. A new code is a line here, one in `table` and one in `ivr.site.codes`.

An operator who dials a code without a function here hears that it is not in use.
"""

from collections.abc import Awaitable, Callable

from ivr.codes import help_call, information, states, supervise
from ivr.codes.call_back import call_back
from ivr.codes.call_colleague import call_colleague
from ivr.codes.code_call import CodeCall
from ivr.codes.talk_codes import in_conversation

Handler = Callable[[CodeCall], Awaitable[None]]
"""Runs the code on its channel, which is hung up afterwards. Raises CodeRefused with what the operator hears instead;
`runner.run` handles all other errors."""

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
    "recording": in_conversation,
}

OTHER_HANDLERS: dict[str, Handler] = {"colleague": call_colleague}
"""The numbers that operators may dial besides codes: one another's."""
