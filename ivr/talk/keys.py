"""The keys that an operator presses on his own telephone while he talks. All but the site's codes mean nothing."""

import math
from collections.abc import Mapping

from ivr.site.codes import Codes
from ivr.talk.operator_requests import Act

ENDS_S = 3.0
"""After so long without a key, a code counts as ended by `#`; what is no code is forgotten."""

_MOST = 12


class Keys:
    """A code of the site; hold does without more, after the others come digits, or none, and `#` or a pause."""

    def __init__(self, codes: Codes) -> None:
        named = {name: getattr(codes, name) for name in ("hold", "transfer", "consult", "interpreter")}
        self._codes = {code: name for name, code in named.items() if code}
        self._pressed = ""
        self.until = math.inf
        """When what was pressed so far counts as whole: call `over` then. Of the clock that `press` goes by."""

    def press(self, key: str, now: float) -> tuple[str, str] | None:
        """The code's name and its digits, once it is whole. `now`: of any clock, in seconds."""
        if now >= self.until or len(self._pressed) > _MOST:
            self._pressed = ""
        self.until = now + ENDS_S
        of_a_code = any(code.startswith(self._pressed + key) for code in self._codes)
        if key == "*" and not of_a_code:
            self._pressed = ""
        ends = key == "#" and not of_a_code
        if ends or self._codes.get(self._pressed + key) == "hold":
            return self._whole(self._pressed + (key if not ends else ""))
        self._pressed += key
        return None

    def over(self, now: float) -> tuple[str, str] | None:
        """The same as `press`, of a code that was left without its `#`."""
        return self._whole(self._pressed) if now >= self.until else None

    def _whole(self, pressed: str) -> tuple[str, str] | None:
        self._pressed, self.until = "", math.inf
        # The longest code first: one may begin like another.
        for code in sorted(self._codes, key=len, reverse=True):
            if pressed.startswith(code):
                return self._codes[code], pressed.removeprefix(code)
        return None


WITH: Mapping[str, Act] = {"transfer": Act.TRANSFER, "consult": Act.CONSULT, "interpreter": Act.INTERPRETER}
WITHOUT: Mapping[str, Act] = {
    "hold": Act.HOLD,
    "transfer": Act.COMPLETE,
    "consult": Act.SWAP,
    "interpreter": Act.CANCEL,
}


def act_of(code: str, digits: str) -> Act:
    """What a code stands for in a conversation, with and without digits after it."""
    return WITH[code] if digits and code in WITH else WITHOUT[code]
