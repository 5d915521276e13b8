"""What is said in a call back, and what the operator's keys mean."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from db.callback_requests import CallbackRequest
from db.enums import CallbackKind
from ivr.audio.audible import Clip
from ivr.callbacks.request_states import routing_age
from ivr.cases.case_lookup import told
from ivr.flow.nodes.case import case_clips
from ivr.model import clock
from ivr.talk.whisper import WAITED
from prompts.manifest import Manifest

if TYPE_CHECKING:
    from db.case_files import File

NEVER = "never"
DECLINED = {"1": "later", "2": "colleague", "3": NEVER}
"""Why an operator declines, by key."""


def offer(language: str, wish: CallbackRequest, sounds: Manifest) -> list[Clip]:
    """To the operator, in his language: that it is a call back, in which language, what about, how long the caller has
    waited, and the two keys."""
    about = [f"code_language_{wish.language}", f"talk_topic_{wish.topic}"]
    if wish.kind == CallbackKind.WAITING:
        waited_s = (clock.now() - routing_age(wish)).total_seconds()
        about.append(next(text for limit, text in WAITED if waited_s < limit))
    known: list[Clip] = [(language, text) for text in about if text in sounds.ids]
    keys = ("callback_accept", "press_1", "callback_decline", "press_2")
    return [(language, "callback_offer"), *known, *((language, text) for text in keys)]


def declining(language: str) -> list[Clip]:
    return [(language, text) for key, why in DECLINED.items() for text in (f"callback_decline_{why}", f"press_{key}")]


def hello(language: str) -> list[Clip]:
    """To the called: who calls, and the key for a person."""
    return [(language, text) for text in ("callback_hello", "callback_speak", "press_1")]


def about_file(language: str) -> list[Clip]:
    return [(language, text) for text in ("told_hello", "told_hear", "press_1")]


def state_of_file(language: str, file: "File", timezone: str, sounds: Manifest) -> list[Clip]:
    """The file in words, then the offer of an operator."""
    today = clock.now().astimezone(ZoneInfo(timezone)).date()
    return [
        *case_clips(language, told(file), today, sounds.ids),
        (language, "case_operator"),
        (language, "press_1"),
    ]


TEXTS = (
    "callback_offer", "callback_accept", "callback_decline", "callback_calling", "callback_nobody", "callback_not_now",
    *(f"callback_decline_{why}" for why in DECLINED.values()),
    "callback_hello", "callback_speak", "told_hello", "told_hear", "told_goodbye", "case_operator",
    "case_unavailable", "press_1", "press_2", "press_3",
)  # fmt: skip
"""What is said outside the flow, for the check."""
