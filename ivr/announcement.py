"""The administrator's announcement in front of everything: said once in each language that the caller meets."""

from dataclasses import replace

from ivr.call import Call


async def say(call: Call) -> None:
    """In the caller's language, unless he has heard it in that one. A key cuts it short and is kept."""
    text = call.services.opening.announcement()
    if text is None or call.state.announced == call.state.language:
        return
    call.set(replace(call.state, announced=call.state.language))
    await call.say([(call.state.language, text)])
