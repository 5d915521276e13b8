"""A choice by key: one set of rules for menus and for all nodes that ask something."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from db.enums import Outcome
from ivr.audio.audible import Clip
from ivr.call import said
from ivr.call.call import Call
from ivr.call.menu_time import MENUS_OVER
from ivr.call.node import BACK, CHANGE_LANGUAGE, MISTAKES, OPERATOR, REPEAT, Node, TextId

CHOICE_TEXTS = ("help_silence", "help_hold", "help_wrong_key", MENUS_OVER)
_TOO_FEW, _NO_DIGITS = "help_digits", "help_no_digits"
HELP_DIGITS = (_TOO_FEW, _NO_DIGITS)
"""The texts of `help_digits`."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Where the caller goes: to this node of the flow, by this key; None: without a key."""

    node: str
    key: str | None = None


class ChoiceNode(Node):
    """A node that offers a choice, with a line at its end about the keys that mean the same everywhere."""

    outro: TextId | None = None  # after the options, once: "An operator, zero. Back, star."
    outro_closed: TextId | None = None  # replaces it for callers of a closed line

    def texts(self) -> tuple[str, ...]:
        return tuple(text for text in (self.outro, self.outro_closed) if text is not None)

    def outro_clips(self, call: Call) -> list[Clip]:
        closed = call.state.outcome == Outcome.CLOSED
        text = self.outro_closed if closed and self.outro_closed is not None else self.outro
        return [(call.state.language, text)] if text is not None else []


def key_text(key: str, *, short: bool) -> str:
    """Return the id of the text for a key: "one." after an option of few words, "press one." after a clause."""
    return f"{'key' if short else 'press'}_{key}"


def help_digits(digits: str | None) -> str:
    """Return the id of the help for a caller who has entered too few digits, or none."""
    return _TOO_FEW if digits else _NO_DIGITS


async def choose(
    call: Call,
    options: Sequence[tuple[str, Sequence[Clip]]],
    *,
    intro: Sequence[Clip] = (),
    outro: Sequence[Clip] = (),
    back: str | None = None,
    silent: str | None = None,
    after_help: str | None = None,
    fresh: bool = False,
    short: bool = False,
    words: Mapping[str, str] = MappingProxyType({}),
    sure: Collection[str] = (),
) -> str | GoTo:
    """Announce `options` and return the chosen key, or where the caller goes instead.

    An option is a key and its clips; its key is added ("press one", or `short`: "one"). `#` repeats, `*` goes `back` if
    given, `0` leads to an operator and `9` to the language menu unless they are options. Silence leads to `silent` if
    given. Otherwise silence and wrong keys are answered with help once, and then lead to `after_help` (default: an
    operator, whom the help promises while the line is open). The `outro` is not part of the help. `fresh`: ignore keys
    typed ahead.

    A caller may say what is in `words` (ids of texts, by key) instead of pressing its key, where that is possible
    (`call.hearing`). What was said is confirmed, except for keys in `sure`. After the second misunderstanding the
    caller has keys only.
    """
    language = call.state.language
    menu: list[Clip] = [clip for key, clips in options for clip in (*clips, (language, key_text(key, short=short)))]
    keys = {key for key, _ in options}
    named = {OPERATOR: [(language, "speech_operator")], **dict(options)}
    spoken = said.phrases(call, keys, words, back=back is not None) if not fresh else {}
    clips, mistakes, misheard = [*intro, *menu, *outro, *said.offer(call, spoken)], 0, 0
    while True:
        key = await call.listen(*clips, fresh=fresh, words=spoken)
        heard = call.hearing.heard
        if heard is not None:
            meant = key is not None and key not in keys and key in said.UNCONFIRMED
            if key is not None and (meant or key in sure or await said.is_meant(call, named[key])):
                call.event("key", key=key, said=True)
            else:
                misheard += 1
                if misheard > MISTAKES:
                    call.hearing.end()
                clips = [(language, "speech_again" if misheard <= MISTAKES else "speech_keys"), *menu]
                continue
        if key is not None and key in keys:
            return key
        if key == OPERATOR:
            return GoTo(call.flow.operator, key)
        if key == CHANGE_LANGUAGE:
            return GoTo(call.flow.change_language, key)
        if key == BACK and back is not None:
            return GoTo(back, key)
        if key is None and silent is not None:
            return GoTo(silent)
        clips = [*intro, *menu, *outro]
        if key != REPEAT:
            mistakes += 1
            if mistakes > MISTAKES:
                call.event("help_over")
                return GoTo(after_help or call.flow.operator)
            if key is not None:
                clips = [(language, "help_wrong_key"), *menu]
            elif after_help is not None or call.state.outcome == Outcome.CLOSED:
                clips = [(language, "help_silence"), *menu]
            else:  # a caller who cannot press keys has waited long enough
                clips = [(language, "help_hold")]
