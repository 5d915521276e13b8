"""What is told of the opening hours, by the control API and where no controller answers; about whom one may ask."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ivr.site.site import Site
from routing.hours import Answer


def told(answer: Answer, opens_next: Callable[[], datetime | None], announcement: str | None = None) -> dict[str, Any]:
    """An answer as data, its instants in UTC. `opens_next` is asked only about a line that is closed."""
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


def no_number(site: Site, number: str) -> str | None:
    """A sentence about what is no number of the site."""
    if site.number_dialled(number) is not None:
        return None
    return f"{number[:30]!r} is no number of this site; `hatif numbers` lists them."


def no_language(site: Site, language: str) -> str | None:
    """A sentence about what is no language of the site."""
    if language in site.languages:
        return None
    return f"{language[:10]!r} is no language of this site: {', '.join(site.languages)}."
