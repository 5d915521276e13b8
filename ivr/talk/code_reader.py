"""Feature codes that operators enter during a conversation. Keys that belong to no code of the site mean nothing."""

import math
from collections.abc import Mapping

from ivr.site.codes import Codes
from ivr.talk.operator_requests import Act

ENDS_S = 3.0
"""After this time without a key, a code counts as complete as if `#` had been pressed; anything else is dropped."""

_MAX_KEYS = 12


_COMPLETE = ("hold", "recording")
"""Codes that are complete by themselves. The others are followed by digits, or none, and `#` or a pause."""


class CodeReader:
    """Reads the site's codes from an operator's keys."""

    def __init__(self, codes: Codes) -> None:
        named = {name: getattr(codes, name) for name in ACTS_ALONE}
        self._codes = {code: name for name, code in named.items() if code}
        self._pressed = ""
        self.until = math.inf
        """When the keys so far count as complete, by the clock passed to `press`: call `finish` then."""

    def press(self, key: str, now: float) -> tuple[str, str] | None:
        """Return the name of the code and its digits once it is complete. `now`: seconds of any clock."""
        if now >= self.until or len(self._pressed) > _MAX_KEYS:
            self._pressed = ""
        self.until = now + ENDS_S
        is_part_of_code = any(code.startswith(self._pressed + key) for code in self._codes)
        if key == "*" and not is_part_of_code:
            self._pressed = ""
        ends = key == "#" and not is_part_of_code
        if ends or self._codes.get(self._pressed + key) in _COMPLETE:
            return self._complete(self._pressed + (key if not ends else ""))
        self._pressed += key
        return None

    def finish(self, now: float) -> tuple[str, str] | None:
        """Return the same as `press` for a code that was not ended by `#`."""
        return self._complete(self._pressed) if now >= self.until else None

    def _complete(self, pressed: str) -> tuple[str, str] | None:
        self._pressed, self.until = "", math.inf
        # The longest code first, since one may be the beginning of another.
        for code in sorted(self._codes, key=len, reverse=True):
            if pressed.startswith(code):
                return self._codes[code], pressed.removeprefix(code)
        return None


ACTS_WITH_DIGITS: Mapping[str, Act] = {"transfer": Act.TRANSFER, "consult": Act.CONSULT, "interpreter": Act.INTERPRETER}
ACTS_ALONE: Mapping[str, Act] = {
    "hold": Act.HOLD,
    "transfer": Act.COMPLETE,
    "consult": Act.SWAP,
    "interpreter": Act.CANCEL,
    "recording": Act.PAUSE_RECORDING,
}


def act_for_code(code: str, digits: str) -> Act:
    """Return what a code stands for in a conversation, with and without digits after it."""
    return ACTS_WITH_DIGITS[code] if digits and code in ACTS_WITH_DIGITS else ACTS_ALONE[code]
