"""Live fragments of a page, each with its template and the values that it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from desk.live.picture import Picture

Values = Mapping[str, Any]
"""The values of a template. Equal values make equal fragments, so nothing is sent."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Elements that are the same for everybody. `read` returns the values of each by its key."""

    template: str
    read: Callable[[Picture], Mapping[str, Values]]


@dataclass(frozen=True, slots=True)
class Personal:
    """An element of an operator's own page."""

    template: str
    read: Callable[[Picture, str], Values]


Fragment = Shared | Personal
