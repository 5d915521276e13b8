"""Asks whether the conversation may be recorded: before the wait, and only where the site records conversations.

Only a key pressed after the question began is an answer; silence and any other key mean no, which has no other effect
on the call. The consent is kept in the call's state until the conversation, and permanently with the recording.
"""

from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.choice import GoTo
from ivr.call.node import CHANGE_LANGUAGE, REPEAT
from ivr.model import clock
from ivr.model.call_state import DECLINED, Consent

YES, NO = "1", "2"
TEXTS = ("consent_yes", "consent_no", f"press_{YES}", f"press_{NO}")


async def ask(call: Call, text: str) -> GoTo | None:
    """Ask, and keep the answer in the state. Return where the caller goes if they want another language."""
    if not call.services.site.recording.conversations or call.state.consent is not None:
        return None
    language = call.state.language
    question: list[Clip] = [
        (language, text),
        (language, "consent_yes"),
        (language, f"press_{YES}"),
        (language, "consent_no"),
        (language, f"press_{NO}"),
    ]
    while (key := await call.listen(*question, fresh=True)) == REPEAT:
        pass
    if key == CHANGE_LANGUAGE:
        return GoTo(call.flow.change_language)
    agreed = key == YES
    call.set(call.state.replace(consent=Consent(text, language, YES, clock.now()).encode() if agreed else DECLINED))
    call.event("consent", agreed=agreed, text=text)
    return None
