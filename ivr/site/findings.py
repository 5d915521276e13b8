"""What is wrong or doubtful in the files of a site: a stable code, the place, what was found, what would be right."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_PLACE = re.compile(r"(?P<file>[^:\n]+)(?::(?P<line>[0-9]+))?: (?P<what>.+)", re.DOTALL)
_MEND = "mend it"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` begins with E_ for what is refused, with W_ for a warning; docs/check.md lists all of them.

    `found` and `remedy` are parts of one sentence, without a full stop.
    """

    code: str
    file: str
    line: int
    found: str
    remedy: str

    @classmethod
    def told(cls, code: str, file: str, line: int, sentence: str) -> Self:
        """From `found; remedy`, where the remedy may have more of them."""
        found, _, remedy = sentence.removesuffix(".").partition("; ")
        return cls(code, file, line, found, remedy or _MEND)

    @classmethod
    def placed(cls, code: str, sentence: str) -> Self:
        """From `file:line: found; remedy`, as errors of other packages say it."""
        place = _PLACE.fullmatch(sentence)
        if place is None:
            return cls.told(code, "", 1, sentence)
        return cls.told(code, place["file"], int(place["line"] or 1), place["what"])

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E_")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code} {self.found}; {self.remedy}."


class SiteError(Exception):
    """Files of the site that are refused, with all that is wrong with them: one sentence, one line each."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


def some(names: Sequence[str]) -> str:
    """How many there are and a few of them by name, such as `7 (a, b, c, d, e and 2 more)`."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} ({', '.join(names[:_NAMED])}{more})"
