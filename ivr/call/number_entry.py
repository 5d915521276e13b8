"""A telephone number that a caller enters and confirms."""

from collections.abc import Sequence

from ivr.audio import spoken
from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.choice import CHOICE_TEXTS, HELP_DIGITS, GoTo, choose, help_digits
from ivr.call.node import BACK, MISTAKES, TRIES
from ivr.model.e164 import groups_of
from ivr.site import callback_numbers
from ivr.site.callback_rules import Refusal

_RIGHT, _CORRECT = "1", "2"
_MOST = 17
"""00 and the fifteen digits that E.164 allows."""

WHY = {
    Refusal.NOBODY: ["callback_why_nobody"],
    Refusal.COUNTRY: ["callback_why_country"],
    Refusal.KIND: ["callback_why_kind"],
}
"""The reason why a number cannot be called; played after the text that says so."""

NUMBER_TEXTS = (
    *("callback_ask_number", "callback_number_wrong", *(text for texts in WHY.values() for text in texts)),
    *("callback_number_is", "callback_right", "callback_correct", "press_1", "press_2"),
    *HELP_DIGITS,
    *spoken.DIGIT_IDS,
    *CHOICE_TEXTS,
)
"""The texts of `enter_number`."""


async def enter_number(call: Call, back: str, intro: Sequence[Clip] = ()) -> str | GoTo:
    """Let the caller enter a number and confirm it. `intro` is said before the question, once.

    Returns the number (E.164 with +), which may be called, or where the caller goes instead: `back` after `*`, and
    without a key if they gave no number.
    """
    language = call.state.language
    question: list[Clip] = [(language, "callback_ask_number")]
    clips, mistakes, silences = [*intro, *question], 0, 0
    while mistakes < TRIES and silences <= MISTAKES:
        digits = await call.digits(*clips, most=_MOST)
        if digits == BACK:
            return GoTo(back, BACK)
        number = callback_numbers.entered(digits or "", call.state.country)
        why = callback_numbers.refusal(number, call.services.site)
        if not digits or why is not None:
            mistakes += 1
            silences += digits is None
            reason = WHY.get(why, []) if why is not None else []
            wrong = ["callback_number_wrong", *reason] if digits else [help_digits(digits)]
            clips = [*((language, text) for text in wrong), *question]
            continue
        groups = groups_of(digits, call.state.country)
        entered: list[Clip] = [(language, "callback_number_is"), *spoken.digit_clips(language, *groups)]
        chosen = await choose(
            call,
            [(_RIGHT, [(language, "callback_right")]), (_CORRECT, [(language, "callback_correct")])],
            intro=entered,
            back=back,
            after_help=back,
            fresh=True,
        )
        if isinstance(chosen, GoTo):
            return chosen
        if chosen == _RIGHT:
            return number
        clips = question
    call.event("help_over")
    return GoTo(back)
