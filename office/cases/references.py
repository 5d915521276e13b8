"""References of cases, as people write them."""

import re

from db.references import format_reference, is_valid, normalize
from office.cases.rules import CaseError


class UnknownCaseError(CaseError):
    """No case has this reference."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"no case has the reference {reference!r}: see `hatif cases`")


def digits_of(text: str) -> str:
    """Return the nine digits of a reference. Raises UnknownCaseError, for a wrong check digit as well."""
    digits = normalize(text)
    if not re.fullmatch(r"[0-9]{9}", digits):
        raise NoReferenceError(f"{text!r} is not a reference; write its nine digits, such as 123-456-789.")
    if not is_valid(digits):
        raise NoReferenceError(
            f"{format_reference(digits)} has a wrong check digit: one of its digits is wrong, or two are swapped."
            " Compare it with the paper, or look for the case with `hatif cases`."
        )
    return digits


class NoReferenceError(UnknownCaseError):
    """A text that is no reference."""

    def __init__(self, sentence: str) -> None:
        CaseError.__init__(self, sentence)
