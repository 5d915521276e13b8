"""Findings about the files of a site: a stable code, the place, what was found, and how to fix it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from wire.errors import UserError

_PLACE = re.compile(r"(?P<file>[^:\n]+)(?::(?P<line>[0-9]+))?: (?P<what>.+)", re.DOTALL)
_CORRECT_IT = "correct it"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in a file. `code` begins with E_ for an error, with W_ for a warning; docs/check.md lists all codes.

    `found` and `remedy` are parts of one sentence, without a full stop.
    """

    code: str
    file: str
    line: int
    found: str
    remedy: str

    @classmethod
    def from_sentence(cls, code: str, file: str, line: int, sentence: str) -> Self:
        """Return the finding of a sentence `found; remedy`; the remedy may contain more semicolons."""
        found, _, remedy = sentence.removesuffix(".").partition("; ")
        return cls(code, file, line, found, remedy or _CORRECT_IT)

    @classmethod
    def from_message(cls, code: str, sentence: str) -> Self:
        """Return the finding of a message `file:line: found; remedy`, the format of other packages' errors."""
        place = _PLACE.fullmatch(sentence)
        if place is None:
            return cls.from_sentence(code, "", 1, sentence)
        return cls.from_sentence(code, place["file"], int(place["line"] or 1), place["what"])

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E_")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code} {self.found}; {self.remedy}."


class SiteError(UserError):
    """Files of the site that are refused; the message has one line with one sentence per finding."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


def count_and_name(names: Sequence[str]) -> str:
    """Return the number of names and the first few of them, such as `7 (a, b, c, d, e and 2 more)`."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} ({', '.join(names[:_NAMED])}{more})"
