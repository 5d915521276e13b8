"""Finding a telephone number in whatever way it is written, and masking it."""

import re
from collections.abc import Collection
from typing import Any

MASK = "(erased)"
_SEPARATORS = r"(?:[\s().\-/]|\u00a0|\u202f){0,3}"
_SEPARATOR_BYTES = rb"(?:[\s().\-/]|\xc2\xa0|\xe2\x80\xaf){0,3}"


class Spellings:
    """A number in all its forms, with any separators between its digits."""

    def __init__(self, forms: Collection[str]) -> None:
        """Take the digits of each form: 33612345678, 0612345678."""
        longest_first = sorted(forms, key=len, reverse=True)
        self.shortest = longest_first[-1]
        texts = "|".join(_SEPARATORS.join(form) for form in longest_first)
        self._text = re.compile(rf"(?<![0-9])\+?(?:{texts})(?![0-9])")
        parts = b"|".join(_SEPARATOR_BYTES.join(bytes([digit]) for digit in form.encode()) for form in longest_first)
        self.in_bytes = re.compile(rb"(?<![0-9])\+?(?:" + parts + rb")(?![0-9])")

    @property
    def like(self) -> str:
        """A pattern for SQL's LIKE that everything fits in which the number may be."""
        return f"%{'%'.join(self.shortest)}%"

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
