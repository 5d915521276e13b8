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
_SCRIPTS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９")
"""Digits that people write numbers with: European, Arabic, Persian, and those that are as wide as Chinese letters."""
_TO_EUROPEAN = {digit.encode(): str(value).encode() for script in _SCRIPTS[1:] for value, digit in enumerate(script)}
_OTHER_DIGIT = re.compile(rb"\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xef\xbc[\x90-\x99]")
_DIGIT = re.compile(rb"[0-9]|" + _OTHER_DIGIT.pattern)
_NO_DIGIT_BEFORE = rb"(?<![0-9])(?<!\xd9[\xa0-\xa9])(?<!\xdb[\xb0-\xb9])(?<!\xef\xbc[\x90-\x99])"
_NO_DIGIT_AFTER = rb"(?!" + _DIGIT.pattern + rb")"


def _any_script(digit: str) -> str:
    return f"[{''.join(script[int(digit)] for script in _SCRIPTS)}]"


def _any_script_bytes(digit: str) -> bytes:
    return b"(?:" + b"|".join(script[int(digit)].encode() for script in _SCRIPTS) + b")"


def overwritten(written: bytes) -> bytes:
    """Return a number in UTF-8, as long as before, with an x for each byte of a digit."""
    return _DIGIT.sub(lambda digit: b"x" * len(digit[0]), written)


class Spellings:
    """A number in all its forms, with any separators between its digits."""

    def __init__(self, forms: Collection[str]) -> None:
        """Take the digits of each form: 33612345678, 0612345678."""
        longest_first = sorted(forms, key=len, reverse=True)
        # What all forms have in common: 03012345 is not in +493012345.
        endings = (longest_first[-1][at:] for at in range(len(longest_first[-1]) + 1))
        self._ending = next(ending for ending in endings if all(form.endswith(ending) for form in forms))
        texts = "|".join(_SEPARATORS.join(map(_any_script, form)) for form in longest_first)
        self._text = re.compile(rf"(?<!\d)[+\uff0b]?(?:{texts})(?!\d)")
        parts = b"|".join(_SEPARATOR_BYTES.join(map(_any_script_bytes, form)) for form in longest_first)
        self.in_bytes = re.compile(_NO_DIGIT_BEFORE + rb"(?:\+|\xef\xbc\x8b)?(?:" + parts + rb")" + _NO_DIGIT_AFTER)

    @property
    def likes(self) -> tuple[str, ...]:
        """Patterns for SQL's LIKE: a text that may have the number fits one of them. Each is of one script's digits."""
        return tuple(f"%{'%'.join(script[int(digit)] for digit in self._ending)}%" for script in _SCRIPTS)

    def may_be_in(self, text: bytes) -> bool:
        """Return whether `in_bytes` may be found, many times as fast."""
        if b"\xd9" in text or b"\xdb" in text or b"\xef\xbc" in text:
            text = _OTHER_DIGIT.sub(lambda digit: _TO_EUROPEAN[digit[0]], text)
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
