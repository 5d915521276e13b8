"""Answers about opening hours as data, for the control API and for commands without a controller."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ivr.site.site import Site
from routing.hours import Answer


def format_answer(
    answer: Answer, opens_next: Callable[[], datetime | None], announcement: str | None = None
) -> dict[str, Any]:
    """Return an answer as data, with times in UTC; `opens_next` is only called if the line is closed."""
    opens = None if answer.open else opens_next()
    return {
        "open": answer.open,
        "until": answer.until.astimezone(UTC) if answer.until is not None else None,
        "why": answer.why,
        "forced": answer.forced,
        "holiday": answer.holiday,
        "opens_next": opens.astimezone(UTC) if opens is not None else None,
        "announcement": announcement,
    }


def number_problem(site: Site, number: str) -> str | None:
    """Return an error message if `number` is not one of the site's, else None."""
    if site.number_dialled(number) is not None:
        return None
    return f"{number[:30]!r} is not a number of this site; `hatif numbers` lists them."


def language_problem(site: Site, language: str) -> str | None:
    """Return an error message if `language` is not one of the site's, else None."""
    if language in site.languages:
        return None
    return f"{language[:10]!r} is not a language of this site; write one of {', '.join(site.languages)}."
