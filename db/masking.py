"""Finding a telephone number in whatever way it is written, and masking it."""

import re
from collections.abc import Collection
from typing import Any

MASK = "(erased)"
_SEPARATORS = r"[\s().\-/\u2010-\u2015\u2212]{0,3}"
_SEPARATOR_BYTES = rb"(?:[\s().\-/]|\xc2\xa0|\xe2\x80[\x80-\x8a\x90-\x95\xaf]|\xe2\x88\x92){0,3}"
"""The same in UTF-8: with dashes, and with the spaces that editors put into numbers."""
_SEPARATING = b" \t\n\r\v\f().-/" + bytes(range(0x80, 0x100))
"""All bytes of which these are made, and more."""


class Spellings:
    """A number in all its forms, with any separators between its digits."""

    def __init__(self, forms: Collection[str]) -> None:
        """Take the digits of each form: 33612345678, 0612345678."""
        longest_first = sorted(forms, key=len, reverse=True)
        # What all forms have in common: 03012345 is not in +493012345.
        endings = (longest_first[-1][at:] for at in range(len(longest_first[-1]) + 1))
        self._ending = next(ending for ending in endings if all(form.endswith(ending) for form in forms))
        texts = "|".join(_SEPARATORS.join(form) for form in longest_first)
        self._text = re.compile(rf"(?<![0-9])\+?(?:{texts})(?![0-9])")
        parts = b"|".join(_SEPARATOR_BYTES.join(bytes([digit]) for digit in form.encode()) for form in longest_first)
        self.in_bytes = re.compile(rb"(?<![0-9])\+?(?:" + parts + rb")(?![0-9])")

    @property
    def like(self) -> str:
        """A pattern for SQL's LIKE that everything fits in which the number may be."""
        return f"%{'%'.join(self._ending)}%"

    def may_be_in(self, text: bytes) -> bool:
        """Return whether `in_bytes` may be found, many times as fast."""
        return self._ending.encode() in text.translate(None, _SEPARATING)

    def masked(self, value: Any) -> Any:
        """Return a text, or a value of JSON, without the number; None if the value was nothing else."""
        match value:
            case str():
                return None if self._text.fullmatch(value.strip()) else self._text.sub(MASK, value)
            case bool():
                return value
            case int():
                return None if self._text.fullmatch(str(value)) else value
            case dict():
                return {key: self.masked(inner) for key, inner in value.items()}
            case list():
                return [self.masked(inner) for inner in value]
        return value

    def is_in(self, value: Any) -> bool:
        """Return whether the number is in a text, or in a value of JSON."""
        return bool(self.masked(value) != value)
