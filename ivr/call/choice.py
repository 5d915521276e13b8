"""A choice by key: one set of rules for menus and for all nodes that ask something."""

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.audio.audible import Clip
from ivr.call.call import Call
from ivr.call.node import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT

CHOICE_TEXTS = ("help_silence", "help_wrong_key")


@dataclass(frozen=True, slots=True)
class GoTo:
    """Where the caller goes: to this node of the flow, by this key; None: without a key."""

    node: str
    key: str | None = None


async def choose(
    call: Call,
    options: Sequence[tuple[str, Sequence[Clip]]],
    *,
    intro: Sequence[Clip] = (),
    outro: Sequence[Clip] = (),
    back: str | None = None,
    after_help: str | None = None,
    fresh: bool = False,
) -> str | GoTo:
    """Announce `options` and return the chosen key, or where the caller goes instead.

    An option is a key and its clips; "press <key>" is added. `#` repeats, `*` goes `back` if given, `0` leads to an
    operator and `9` to the language menu unless they are options. Silence and wrong keys are answered with help, and
    finally lead to `after_help` (default: an operator). `fresh`: ignore keys typed ahead.
    """
    language = call.state.language
    menu: list[Clip] = [clip for key, clips in options for clip in (*clips, (language, f"press_{key}"))]
    menu += outro
    keys = {key for key, _ in options}
    clips, mistakes = [*intro, *menu], 0
    while True:
        key = await call.listen(clips, fresh=fresh)
        if key is not None and key in keys:
            return key
        if key == OPERATOR:
            return GoTo(call.flow.operator, key)
        if key == CHANGE_LANGUAGE:
            return GoTo(call.flow.change_language, key)
        if key == BACK and back is not None:
            return GoTo(back, key)
        clips = [*intro, *menu]
        if key != REPEAT:
            mistakes += 1
            if mistakes > MISTAKES:
                call.event("help_over")
                return GoTo(after_help or call.flow.operator)
            clips = [(language, "help_silence" if key is None else "help_wrong_key"), *menu]
