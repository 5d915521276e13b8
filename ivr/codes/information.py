"""Codes that change nothing: who one is to the controller, and the file of one's last caller."""

from ivr.audio.audible import PAUSE
from ivr.audio.names import clip_of
from ivr.audio.spoken import digit_clips
from ivr.codes.code_call import CodeCall, CodeRefused, Said
from ivr.codes.spoken_state import spoken_state


async def who_am_i(call: CodeCall) -> None:
    """His name, where there is audio of it, his number digit by digit, his languages, his state."""
    name = clip_of(call.operator, call.session.version.sounds)
    said: list[Said] = ["code_you_are", *([name, PAUSE] if name else []), *digit_clips(call.language, call.operator.id)]
    said.append("code_languages")
    said += [f"code_language_{language}" for language in call.operator.languages]
    await call.say(*said, *spoken_state(call.state, call.services.site.operators.pauses))


async def last_file(call: CodeCall) -> None:
    """Of the call that he talks in, else of his last one; again for `#`."""
    reference = call.session.last_case(call.operator.id)
    if reference is None:
        last = await call.session.last_call(call.operator.id)
        reference = last.case_reference if last is not None else None
    if reference is None:
        raise CodeRefused("code_no_file")
    while await call.listen("code_file_is", *digit_clips(call.language, reference)) == "#":
        pass
