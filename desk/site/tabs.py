"""The administrator's pages, as the row at their top shows them. Rooms that have such a page use `respond`."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from desk.context import Desk
from desk.page.texts import N_


@dataclass(frozen=True, slots=True)
class Tab:
    """A page, with the icon and the words that lead to it."""

    path: str
    icon: str
    words: str


TABS = (
    Tab("/site/operators", "people", N_("Operators")),
    Tab("/site/numbers", "telephone", N_("Numbers")),
    Tab("/site/hours", "calendar", N_("Hours and holidays")),
    Tab("/site/flow", "transfer", N_("Flow")),
    Tab("/site/prompts", "microphone", N_("Prompts")),
    Tab("/site/health", "check", N_("Health")),
    Tab("/site/audit", "file", N_("Audit")),
    Tab("/site/changes", "clock", N_("Changes")),
)


def respond(request: Request, desk: Desk, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page of the administrator with the row of all of them; its template extends `layout` and includes
    `site/tabs.html`."""
    return desk.pages.respond(request, template, status, tabs=TABS, **values)
