"""The administrator's announcement in front of everything.

A caller hears it before the menu of languages, in the likeliest language of his country, and again whenever he changes
to another language.
"""

from dataclasses import replace

from ivr.call.call import Call


async def say(call: Call) -> None:
    """In the caller's language, unless he heard it in that one last. A key cuts it short and is kept."""
    text = call.services.opening.announcement()
    if text is None or call.state.announced == call.state.language:
        return
    call.set(replace(call.state, announced=call.state.language))
    await call.say([(call.state.language, text)])
