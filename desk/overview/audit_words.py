"""The audit's acts in words, their kinds, and what a reader may not see of them."""

import re
from collections.abc import Mapping
from typing import Any

from desk.page.texts import N_

OTHER = "other"

KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "accounts": (N_("Accounts and sign-ins"), ("account_",)),
    "supervision": (
        N_("Supervision and help"),
        ("listen", "whisper", "join", "supervision_", "help_", "operator_help", "alarm_"),
    ),
    "calls": (N_("Calls"), ("call_",)),
    "callbacks": (N_("Call-backs, messages, e-mails"), ("callback_", "message_", "guide_request_", "guide_sent")),
    "cases": (N_("Cases"), ("case_", "pin_")),
    "operators": (
        N_("Operators and telephones"),
        ("operator_", "wrap_up_", "telephone_", "web_telephone_", "try_telephone_"),
    ),
    "recordings": (N_("Recordings"), ("recording_",)),
    "reading": (N_("Reading"), ("read_",)),
    "guide": (N_("Guide"), ("guide_gap", "amendment_", "question_")),
    "site": (N_("Site and opening hours"), ("site_", "flow_", "hours_", "holiday_", "announce", "drain")),
    "data": (N_("Erasing and bans"), ("caller_", "ban_")),
}
"""The kinds of acts: the name, and how their acts begin. Everything else is `OTHER`."""

ACTS: Mapping[str, str] = {
    "account_added": N_("added an account"),
    "account_changed": N_("changed an account with the list of operators"),
    "account_code_again": N_("gave a code that was used before"),
    "account_disabled": N_("disabled an account"),
    "account_email": N_("changed the e-mail address of an account"),
    "account_enabled": N_("enabled an account"),
    "account_factor": N_("set up a second factor"),
    "account_factor_removed": N_("removed a second factor"),
    "account_gone": N_("took an account from an operator who is no longer in the list"),
    "account_link": N_("made a one-time link"),
    "account_password": N_("chose a password"),
    "account_refused": N_("was refused at the sign-in"),
    "account_refused_more": N_("was refused at the sign-in more often"),
    "account_renewed": N_("let somebody in whom another had let in before"),
    "account_role": N_("changed an account's role"),
    "account_sessions_ended": N_("ended sessions of an account"),
    "account_signed_in": N_("signed in"),
    "account_signing_in": N_("began to sign in, without the second factor so far"),
    "account_signed_out": N_("signed out"),
    "alarm_acknowledged": N_("saw to an alarm"),
    "amendment_proposed": N_("proposed an amendment"),
    "amendment_refused": N_("refused an amendment"),
    "amendment_released": N_("released an amendment"),
    "amendment_taken_back": N_("took an amendment back"),
    "amendment_withdrawn": N_("withdrew an amendment"),
    "announce": N_("switched an announcement on"),
    "announce_off": N_("switched the announcement off"),
    "ban_lifted": N_("lifted a ban"),
    "callback_added": N_("added a call-back request"),
    "callback_by_code": N_("called somebody back by code"),
    "callback_cancelled": N_("cancelled a call-back request"),
    "callback_taken": N_("took a call-back request"),
    "caller_erased": N_("erased a caller"),
    "call_hang_up": N_("hung up"),
    "call_hold": N_("put a caller on hold"),
    "call_moved": N_("moved a waiting caller"),
    "call_pause_recording": N_("paused a recording"),
    "call_resume_recording": N_("resumed a recording"),
    "call_transfer": N_("handed a caller on"),
    "call_unhold": N_("took a caller from hold"),
    "case_change_unmade": N_("changed a case too late: somebody else had changed it"),
    "case_changed": N_("changed a case"),
    "case_noted": N_("added a note to a case"),
    "case_opened": N_("opened a case"),
    "case_pin": N_("gave a new PIN to an applicant"),
    "drain": N_("stopped new calls"),
    "drain_ended": N_("took new calls again"),
    "flow_reloaded": N_("took a flow into use"),
    "guide_gap": N_("did not find something in the guide"),
    "guide_request_ended": N_("ended a request for the guide in writing"),
    "guide_sent": N_("sent a procedure by e-mail"),
    "help_given": N_("gave help"),
    "help_settled": N_("settled a request for help"),
    "help_wanted": N_("asked for help"),
    "holiday_added": N_("added a holiday"),
    "holiday_forgotten": N_("withdrew a ruling on a holiday"),
    "holiday_moved": N_("moved a holiday"),
    "holiday_removed": N_("removed a holiday"),
    "hours_auto": N_("returned to the opening hours"),
    "hours_closed": N_("forced the line closed"),
    "hours_open": N_("forced the line open"),
    "join": N_("joined a conversation"),
    "listen": N_("listened to a conversation"),
    "message_done": N_("finished with a message"),
    "message_heard": N_("heard a message"),
    "message_taken": N_("took a message"),
    "operator_languages": N_("changed an operator's languages"),
    "operator_state": N_("changed an operator's state"),
    "pin_guessing": N_("noticed that PINs are being guessed"),
    "question_done": N_("dealt with a question of callers"),
    "read_call": N_("looked at a call's story"),
    "read_caller": N_("looked at a caller's history"),
    "read_case": N_("opened a case's file"),
    "read_export": N_("took a file out of the desk"),
    "read_list": N_("saw a list that names callers"),
    "read_message": N_("played a message"),
    "read_paused": N_("was paused: searched or opened too much"),
    "read_search": N_("searched for cases"),
    "recording_heard": N_("listened to a recording"),
    "recording_scored": N_("scored a recording"),
    "site_change_taken_back": N_("took a change of the site back"),
    "site_changed": N_("changed the site"),
    "supervision_asked": N_("asked for a supervision"),
    "supervision_refused": N_("was refused a supervision"),
    "telephone_password": N_("renewed a telephone's password"),
    "telephone_replaced": N_("registered another telephone"),
    "telephone_second": N_("registered a second telephone"),
    "telephone_twice": N_("has two telephones with one password"),
    "try_telephone_ended": N_("ended a telephone for trying the line"),
    "try_telephone_given": N_("got a telephone for trying the line"),
    "web_telephone_ended": N_("ended a browser telephone"),
    "web_telephone_given": N_("started a browser telephone"),
    "whisper": N_("whispered to an operator"),
    "wrap_up_end": N_("ended a wrap-up"),
    "wrap_up_more": N_("extended a wrap-up"),
}
"""Acts in words. Acts without an entry are shown as they are written."""

_OF_THE_SITE = ("site_changed", "site_change_taken_back")
"""Acts about the line's own numbers."""

# With its country code, or with the 0 of a national one; no reference of a case and no id looks so.
_NUMBER = re.compile(r"(?<![\w-])(?:\+\d|00\d|0\d)(?:[ .()/-]{0,3}\d){6,13}(?![\w-])")
# What somebody has searched for may be a part of a number.
_PART_OF_NUMBER = re.compile(r"\+?\d(?:[ .()/-]{0,3}\d){5,14}")
_SHOWN_FIRST, _SHOWN_LAST = 3, 2


def masked(act: str, value: Any) -> Any:
    """Return a text of a record, or a value of its data, with callers' numbers shown in part only."""
    if act in _OF_THE_SITE:
        return value
    match value:
        case str():
            return _NUMBER.sub(_mask, value)
        case {"terms": str(terms), **others} if act == "read_search":
            return {"terms": _PART_OF_NUMBER.sub(_mask, terms), **others}
        case dict():
            return {key: masked(act, inner) for key, inner in value.items()}
        case list():
            return [masked(act, inner) for inner in value]
    return value


def _mask(found: re.Match[str]) -> str:
    digits = re.sub(r"[^+\d]", "", found[0])
    return f"{digits[:_SHOWN_FIRST]}…{digits[-_SHOWN_LAST:]}"
