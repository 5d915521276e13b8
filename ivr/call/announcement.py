"""The administrator's announcement, played before everything else but the name of the institution.

Callers hear it before the language menu, in the language of their last call or the most likely one of their country,
and again whenever they change to another language.
"""

from ivr.call.call import Call


async def say(call: Call) -> None:
    """Play it in the caller's language, unless they heard it in that language last. A key cuts it short and is kept."""
    text = call.services.opening.announcement()
    if text is None or call.state.announced == call.state.language:
        return
    call.set(call.state.replace(announced=call.state.language))
    await call.say(text)
