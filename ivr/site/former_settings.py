"""Settings of `site.toml` that an earlier version had: they are ignored, with a warning that says what to use."""

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[int | str, ...]

FORMER: Mapping[tuple[str, ...], str] = {
    ("routing", "head_start_s"): (
        "delete it: a language's head start is now passing, times the share of the operators on duty who do not speak"
        " it"
    ),
    **{
        ("routing", name): f"delete it: it is {value} in every line"
        for name, value in (
            ("target_s", "20"),
            ("priority_s", "300"),
            ("few", "4"),
            ("few_share", "0.125"),
            ("spare", "2"),
        )
    },
    ("operators", "rtp_timeout_s"): "delete it: a telephone that sends nothing counts as vanished after 10 s",
    ("limits", "menus_min"): "delete it: a call may be in the menus for 30 minutes",
    ("bans", "within_min"): "delete it: wrong passwords count for 10 minutes",
    ("bans", "first_min"): "delete it: the first ban lasts 10 minutes, and each further one twice as long",
    ("bans", "longest_h"): "delete it: no ban lasts for more than a day",
    ("alarms", "calls"): "delete it: shares of the last half hour count after ten calls",
    ("pins", "operators_files"): "delete it: PINs are no longer checked from twice `alarm_files` on",
    ("callbacks", "most_open"): "delete it: a caller has one open request at a time",
    ("monitoring", "traces"): "delete it: `hatif call ID` has the story of a call, and Prometheus the figures",
}
"""What to do instead, by the tables and the name of the setting; `("carrier", NAME)` is NAME of each `[[carrier]]`."""


def take_out(content: dict[str, Any]) -> list[tuple[Place, str]]:
    """Remove the former settings from what a `site.toml` says; return the place of each, and what to do instead."""
    taken = []
    for names, remedy in FORMER.items():
        for place, table in [*_find(content, names, ())]:
            del table[names[-1]]
            taken.append((place, remedy))
    return taken


def _find(content: Any, names: tuple[str, ...], place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield the place of each value with these names, and the table that it is in."""
    if isinstance(content, list):
        for index, item in enumerate(content):
            yield from _find(item, names, (*place, index))
    elif isinstance(content, dict) and names[0] in content:
        here = (*place, names[0])
        if len(names) == 1:
            yield here, content
        else:
            yield from _find(content[names[0]], names[1:], here)
