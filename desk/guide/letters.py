"""A procedure as an e-mail: what the guide says, in the reader's language. Pure."""

from desk.guide.book import Procedure
from desk.guide.mail import Letter

_FIRST = "documents"
_FROM_THE_RIGHT = ("ar",)
_RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT MARK}"
"""Begins a paragraph that has figures or Latin words in front."""


def letter_of(procedure: Procedure, language: str, *, to: str, country: str | None, notice: str) -> Letter:
    """Return the e-mail about a procedure.

    Args:
        country: The reader's; what is special there is said.
        notice: Said first of a procedure that is a sample.
    """
    fields = {_FIRST: procedure.fields.get(_FIRST, ""), **procedure.fields}
    remark = procedure.remarks.get(country, "") if country is not None else ""
    sample = notice if procedure.status == "sample" else ""
    first, *others = fields.values()
    parts = (procedure.title, sample, first, remark, *others)
    mark = _RIGHT_TO_LEFT if language in _FROM_THE_RIGHT else ""
    text = "\n\n".join(mark + part for part in parts if part)
    return Letter(to, procedure.title, f"{text}\n", language)
