"""The keys that an operator presses on his own telephone while he talks. All but the site's codes mean nothing."""

from collections.abc import Mapping

from ivr.site_codes import Codes
from ivr.talk.wishes import Act

AGAIN_S = 5.0
"""A code that was begun so long ago is forgotten."""

_MOST = 12


class Keys:
    """A code of the site; hold does without more, after the others come digits, or none, and `#`."""

    def __init__(self, codes: Codes) -> None:
        named = {name: getattr(codes, name) for name in ("hold", "transfer", "consult", "interpreter")}
        self._codes = {code: name for name, code in named.items() if code}
        self._pressed, self._at = "", 0.0

    def press(self, key: str, now: float) -> tuple[str, str] | None:
        """The code's name and its digits, once it is whole. `now`: of any clock, in seconds."""
        if now - self._at > AGAIN_S or len(self._pressed) > _MOST:
            self._pressed = ""
        self._at = now
        of_a_code = any(code.startswith(self._pressed + key) for code in self._codes)
        if key == "*" and not of_a_code:
            self._pressed = ""
        ends = key == "#" and not of_a_code
        if ends or self._codes.get(self._pressed + key) == "hold":
            whole, self._pressed = self._pressed + (key if not ends else ""), ""
            # The longest code first: one may begin like another.
            for code in sorted(self._codes, key=len, reverse=True):
                if whole.startswith(code):
                    return self._codes[code], whole.removeprefix(code)
            return None
        self._pressed += key
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
