"""Live fragments of a page, each with its template and the values that it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from desk.live.picture import Picture

OPERATOR = "operator"
"""The view that the operators' pages follow. Every page follows one view, and gets the fragments of no other."""

Values = Mapping[str, Any]
"""The values of a template. Equal values make equal fragments, so nothing is sent."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Elements that are the same for everybody. `read` returns the values of each by its key; `view`: whose pages."""

    template: str
    read: Callable[[Picture], Mapping[str, Values]]
    view: str = OPERATOR


@dataclass(frozen=True, slots=True)
class Personal:
    """An element of an operator's own page."""

    template: str
    read: Callable[[Picture, str], Values]
    view: str = OPERATOR


Fragment = Shared | Personal
