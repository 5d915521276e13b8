"""Setting values in nested mappings and lists: plain ones, and those of libraries that keep comments."""

from collections.abc import Callable, Sequence
from typing import Any

from ivr.site_changes.edits import EditError


def assign(
    top: Any, place: Sequence[str | int], value: Any, convert: Callable[[Any], Any] = lambda value: value
) -> None:
    """Set the value at `place`, or remove it if it is None; mappings on the way are made.

    Raises:
        EditError: There is no such place.
    """
    *way, last = place
    at = top
    for depth, part in enumerate(way):
        at = _step(at, part, way[: depth + 1], convert)
    if isinstance(last, int):
        if not isinstance(at, list) or last > len(at) or (value is None and last == len(at)):
            raise EditError(f"There is no entry {last + 1} in {_name(way)}.")
        if value is None:
            del at[last]
        elif last == len(at):
            at.append(convert(value))
        else:
            at[last] = convert(value)
        return
    if not isinstance(at, dict):
        raise EditError(f"{_name(way)} has no names, so {last!r} cannot be set in it.")
    if value is None:
        if last not in at:
            raise EditError(f"There is no {_name(place)}.")
        del at[last]
    else:
        at[last if last in at else convert(last)] = convert(value)


def _step(at: Any, part: str | int, way: Sequence[str | int], convert: Callable[[Any], Any]) -> Any:
    if isinstance(part, int):
        if not isinstance(at, list) or part >= len(at):
            raise EditError(f"There is no {_name(way)}.")
        return at[part]
    if not isinstance(at, dict):
        raise EditError(f"There is no {_name(way)}.")
    if part not in at:
        at[convert(part)] = convert({})
    return at[part]


def _name(place: Sequence[str | int]) -> str:
    return ".".join(map(str, place)) or "the file"
