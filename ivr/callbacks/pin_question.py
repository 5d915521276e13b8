"""The question for a case file's PIN in a call that we make about it."""

from collections.abc import Awaitable, Callable

from db.pin_hashes import DIGITS
from ivr.audio.audible import Clip
from ivr.callbacks import prompts
from ivr.callbacks.call_legs import CallLeg
from ivr.cases.case_lookup import Answer, CaseStatus, Locked, NoMatch, Unavailable
from prompts.manifest import Manifest


async def ask_for_pin(
    leg: CallLeg,
    check: Callable[[str], Awaitable[Answer]],
    timezone: str,
    sounds: Manifest,
) -> list[Clip]:
    """Ask for the PIN until it is right, or is not checked any more; return the prompts that follow.

    None follow if nobody enters it.

    Args:
        check: Returns what the caller may hear after these digits.
        timezone: Of the site.

    Raises:
        CalledGone: The caller has hung up.
    """
    language, before = leg.language, list[Clip]()
    while True:
        entered = await leg.enter(DIGITS, *before, "case_ask_pin")
        if entered is None:
            return []
        before = [(language, "case_no_match")]
        match await check(entered):
            case CaseStatus() as file:
                return prompts.state_of_file(language, file, timezone, sounds)
            case NoMatch(locked=True):
                return [*before, (language, "case_locked")]
            case Locked():
                return [(language, "case_locked")]
            case Unavailable():
                return [(language, "case_unavailable")]
