"""Descriptions of the feature codes and the digits that may follow them. The digits are set by the site (`[codes]`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Description:
    """A code in words; `argument` says what the digits after it mean, "" for a code that takes none."""

    does: str
    argument: str = ""


CODES: Mapping[str, Description] = {
    "ready": Description("you are ready for calls"),
    "pause": Description(
        "you pause; without a digit you are asked for the reason", "1 to 9: the reason, in the site's order"
    ),
    "wrap_up_end": Description("your wrap-up is over"),
    "wrap_up_more": Description("your wrap-up lasts longer"),
    "who_am_i": Description("you hear your number, your languages and your state"),
    "last_file": Description("you hear the reference of your last caller's file"),
    "call_back": Description("your last caller is called back"),
    "help": Description("a supervisor is called and talks with you"),
    "listen": Description("a supervisor hears an operator's conversation", "the operator's number"),
    "whisper": Description("a supervisor is heard by the operator only", "the operator's number"),
    "join": Description("a supervisor joins the conversation", "the operator's number"),
    "hold": Description("your caller hears music; dial it again to be back with them"),
    "transfer": Description("your caller goes to somebody else", "to whom"),
    "consult": Description("you talk with somebody else first, then your caller goes to them", "with whom"),
    "interpreter": Description("a colleague of another language joins the conversation", "which one"),
    "recording": Description("the recording of your conversation pauses; dial it again to go on with it"),
}
"""The same names as in `[codes]` of the site."""

_TEXTS = (
    *("code_unavailable", "code_unknown", "code_argument", "code_off_duty", "code_ready", "code_ready_absent"),
    *("code_paused", "code_paused_after", "code_pause_ask", "code_pause_no_answer", "code_pause_refused"),
    *("code_wrap_up", "code_no_wrap_up", "code_wrap_up_more", "code_wrap_up_longest", "code_talking", "code_offered"),
    *("code_away", "code_you_are", "code_languages", "code_file_is", "code_no_file"),
    *("code_help_calling", "code_help_nobody", "code_help_from"),
    *("callback_code_none", "callback_code_refused", "callback_code_noted"),
    *("supervision_who", "supervision_listen", "supervision_whisper", "supervision_join", "supervision_told"),
    *("supervision_ended", "supervision_not_allowed", "supervision_unknown", "supervision_self"),
    "supervision_not_talking",
)


def texts(languages: Iterable[str], pauses: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the ids of all texts that operators hear when they dial a code."""
    return (
        *_TEXTS,
        *(f"code_language_{language}" for language in languages),
        *(text for n, reason in enumerate(pauses, 1) for text in (f"code_pause_{reason}", f"key_{n}")),
    )
