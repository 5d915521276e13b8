"""Times, days and numbers as sequences of clips.

A clip is a complete spoken phrase with an id in the site's `texts.yaml`; nothing is synthesised here.
"""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ivr.audio.audible import LONG_PAUSE, PAUSE, Clip
from ivr.model.e164 import threes
from routing.hours import WEEKDAYS

TIME_IDS = tuple(f"at_{hour:02}{minute:02}" for hour in range(24) for minute in (0, 30))
SITE_TIME = "site_time"
"""Follows a time of day that is the site's and may not be the caller's."""
DATE_IDS = (*(f"on_day_{day}" for day in range(1, 32)), *(f"in_month_{month}" for month in range(1, 13)))
OPENS = "opens_again"
OPENS_IDS = (
    OPENS,
    "opens_today",
    "opens_tomorrow",
    *(f"opens_{weekday}" for weekday in WEEKDAYS),
    *TIME_IDS,
    *DATE_IDS,
    SITE_TIME,
)
_DIGITS = "0123456789"
DIGIT_IDS = tuple(f"digit_{digit}" for digit in _DIGITS)

_A_WEEK_DAYS = 7


def opening_clips(
    language: str,
    at: datetime,
    now: datetime,
    site_zone: ZoneInfo,
    caller_zone: ZoneInfo | None,
    text: str = OPENS,
) -> list[Clip]:
    """Return the clips for the next opening: `text`, the day, and the time if it has a text (full and half hours).

    Day and time are the caller's. They are the site's, and the caller hears so, if the caller's zone is not known
    (`caller_zone` is None), or if only the site's clock then shows a full or half hour.
    """
    zone = caller_zone
    if zone is None or (time_id(at.astimezone(zone)) is None and time_id(at.astimezone(site_zone)) is not None):
        zone = site_zone
    there, here = at.astimezone(zone), now.astimezone(zone)
    clips: list[Clip] = [(language, text)]
    match (there.date() - here.date()).days:
        case 0:
            clips.append((language, "opens_today"))
        case 1:
            clips.append((language, "opens_tomorrow"))
        case days if 0 < days < _A_WEEK_DAYS:
            clips.append((language, f"opens_{WEEKDAYS[there.weekday()]}"))
        case _:
            clips += date_clips(language, there.date())
    time = time_id(there)
    if time is None:
        return clips
    return [*clips, (language, time), *([(language, SITE_TIME)] if zone != caller_zone else ())]


def time_id(at: datetime) -> str | None:
    """Return the id of the text for a time of day, None if there is none."""
    name = f"at_{at:%H%M}"
    return name if name in TIME_IDS and not at.second and not at.microsecond else None


def date_clips(language: str, day: date) -> list[Clip]:
    """Return the clips of a day without its year: "on the third" + "of May"."""
    return [(language, f"on_day_{day.day}"), (language, f"in_month_{day.month}")]


def digit_clips(language: str, *groups: str) -> list[Clip]:
    """Return the clips of single digits, with a longer pause between groups than between digits.

    For numbers that the caller knows, such as their own telephone number. Other characters are skipped.
    """
    clips: list[Clip] = []
    for group in groups:
        digits = _digits(language, group)
        clips += [PAUSE, PAUSE, *digits] if clips and digits else digits
    return clips


def dictated_clips(language: str, number: str, groups: Sequence[str] | None = None) -> list[Clip]:
    """Return the clips of a number that the caller writes down: its digits, with a long pause after each group.

    `groups`: the digits as people group them; None: in threes.
    """
    if groups is None:
        groups = threes("".join(digit for digit in number if digit in _DIGITS))
    return [clip for group in groups for clip in (*_digits(language, group), LONG_PAUSE)]


def _digits(language: str, group: str) -> list[Clip]:
    return [(language, f"digit_{digit}") for digit in group if digit in _DIGITS]
