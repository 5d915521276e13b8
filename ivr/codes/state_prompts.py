"""The prompts for an operator's state."""

from ivr.call.voice import Prompt
from routing.states import LOGGED_OUT, Operator, OperatorState

_AUTOMATIC_REASONS = ("no_answer", "refused")
"""Reasons of automatic pauses; each has a text, as those of the site's list have."""

_TEXTS = {
    OperatorState.READY: "code_ready",
    OperatorState.OFFERED: "code_offered",
    OperatorState.TALKING: "code_talking",
    OperatorState.WRAPPING_UP: "code_wrap_up",
}


def reason_text(reason: str) -> str:
    """Return the id of the text for a pause's reason."""
    return f"code_pause_{reason}"


def state_prompts(operator: Operator, pauses: tuple[str, ...]) -> list[Prompt]:
    """Return the prompts for the operator's state, its reason, and a pause that follows the present call.

    `pauses` are the site's reasons for a pause; other reasons have no text.
    """
    known = (*pauses, *_AUTOMATIC_REASONS)
    prompts: list[Prompt] = []
    if operator.state is OperatorState.PAUSED:
        prompts += [reason_text(operator.reason)] if operator.reason in known else []
        prompts.append("code_paused")
    elif operator.state is OperatorState.AWAY:
        prompts.append("code_away" if operator.reason == LOGGED_OUT else "code_ready_absent")
    else:
        prompts.append(_TEXTS[operator.state])
    if operator.pause_after is not None and operator.pause_after != LOGGED_OUT:
        prompts += [reason_text(operator.pause_after)] if operator.pause_after in known else []
        prompts.append("code_paused_after")
    return prompts
