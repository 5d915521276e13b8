"""An operator's state in words of his own language."""

from ivr.codes.code_call import Said
from routing.states import LOGGED_OUT, Operator, OperatorState

_OWN_REASONS = ("no_answer", "refused")
"""Of pauses that nobody asked for; each has a text, as those of the site's list."""

_WORDS = {
    OperatorState.READY: "code_ready",
    OperatorState.OFFERED: "code_offered",
    OperatorState.TALKING: "code_talking",
    OperatorState.WRAPPING_UP: "code_wrap_up",
}


def reason_text(reason: str) -> str:
    """The text of a pause's reason."""
    return f"code_pause_{reason}"


def spoken_state(operator: Operator, pauses: tuple[str, ...]) -> list[Said]:
    """What he is, why, and what he will be after his call. `pauses`: the site's reasons; others have no words."""
    known = (*pauses, *_OWN_REASONS)
    said: list[Said] = []
    if operator.state is OperatorState.PAUSED:
        said += [reason_text(operator.reason)] if operator.reason in known else []
        said.append("code_paused")
    elif operator.state is OperatorState.AWAY:
        said.append("code_away" if operator.reason == LOGGED_OUT else "code_ready_absent")
    else:
        said.append(_WORDS[operator.state])
    if operator.pause_after is not None and operator.pause_after != LOGGED_OUT:
        said += [reason_text(operator.pause_after)] if operator.pause_after in known else []
        said.append("code_paused_after")
    return said
