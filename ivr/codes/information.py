"""Codes that only inform: the operator's own entry and state, and the case file of their last caller."""

from ivr.audio.audible import PAUSE
from ivr.audio.names import clip_of
from ivr.audio.spoken import dictated_clips, digit_clips
from ivr.call.voice import Prompt
from ivr.codes.code_call import CodeCall, CodeRefused
from ivr.codes.state_prompts import state_prompts


async def who_am_i(call: CodeCall) -> None:
    """Play the operator's name if there is audio of it, their number digit by digit, their languages and state."""
    name = clip_of(call.operator, call.version.sounds)
    prompts: list[Prompt] = [
        "code_you_are",
        *([name, PAUSE] if name else []),
        *digit_clips(call.language, call.operator.id),
    ]
    prompts.append("code_languages")
    prompts += [f"code_language_{language}" for language in call.operator.languages]
    await call.say(*prompts, *state_prompts(call.state, call.services.site.operators.pauses))


async def last_file(call: CodeCall) -> None:
    """Play the case reference of the operator's present call, else of their last one; `#` repeats it."""
    reference = call.connection.last_case(call.operator.id)
    if reference is None:
        last = await call.services.database.last_call(call.operator.id)
        reference = last.case_reference if last is not None else None
    if reference is None:
        raise CodeRefused("code_no_file")
    while await call.listen("code_file_is", *dictated_clips(call.language, reference)) == "#":
        pass
