"""The prompts of a call-back, and the meaning of the operator's keys."""

from zoneinfo import ZoneInfo

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind
from ivr.audio.audible import BEEP, Clip
from ivr.cases.case_lookup import CaseStatus
from ivr.flow.nodes.case import case_clips
from ivr.model import clock
from ivr.talk.whisper import subject
from prompts.manifest import Manifest

NEVER = "never"
DECLINED = {"1": "later", "2": "colleague", "3": NEVER}
"""Key to the operator's reason for declining."""


def offer(language: str, request: CallbackRequest, sounds: Manifest) -> list[Clip]:
    """Return the prompts that offer a call-back to an operator.

    In the operator's language: a tone, by which they know that it is a call-back, then the language and topic of the
    caller, and the two keys.
    """
    about = subject(request.language or "", request.topic)
    known: list[Clip] = [(language, text) for text in about if text in sounds.ids]
    keys = ("callback_accept", "press_1", "callback_decline", "press_2")
    return [BEEP, *known, *((language, text) for text in keys)]


def declining(language: str) -> list[Clip]:
    """Return the prompts that ask an operator why they decline."""
    return [
        (language, text) for key, reason in DECLINED.items() for text in (f"callback_decline_{reason}", f"press_{key}")
    ]


def hello(language: str, request: CallbackRequest) -> list[Clip]:
    """Return the prompts that tell the caller who calls, and the keys: to go on, and that they had not asked for it.

    Nobody asked for a request of an operator, who knows whom they call, or after a call that was cut off.
    """
    about_file = ("told_asked" if request.at_once else "told_hello", "told_hear")
    who = "institution" if request.cut_off else "callback_hello"
    first = about_file if request.kind == CallbackKind.CASE else (who, "callback_speak")
    denied = ("callback_not_me", "press_2") if may_deny(request) else ()
    return [(language, text) for text in (*first, "press_1", *denied)]


def may_deny(request: CallbackRequest) -> bool:
    """Return whether somebody else may have made the request for the number that is called."""
    return request.kind != CallbackKind.OPERATOR


def state_of_file(language: str, file: CaseStatus, timezone: str, sounds: Manifest) -> list[Clip]:
    """Return the prompts for the state of a case file."""
    return case_clips(language, file, clock.now().astimezone(ZoneInfo(timezone)).date(), sounds.ids)


OPERATOR = ("case_operator", "press_1")
"""The prompts that offer an operator."""


TEXTS = (
    "callback_accept", "callback_decline", "callback_calling", "callback_nobody", "callback_not_now",
    *(f"callback_decline_{reason}" for reason in DECLINED.values()),
    "callback_hello", "callback_speak", "callback_not_me", "callback_sorry", "callback_not_asked",
    "told_hello", "told_asked", "told_hear", "told_goodbye", "case_operator",
    "case_ask_pin", "case_no_match", "case_locked", "case_unavailable", "press_1", "press_2", "press_3",
)  # fmt: skip
"""Ids of the texts that are played outside the flow, for `hatif check`."""
