"""Times, days and numbers as sequences of clips.

A clip is a complete spoken phrase with an id in the site's `texts.yaml`; nothing is synthesised here.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from ivr.audio.audible import PAUSE, Clip
from routing.hours import WEEKDAYS

TIME_IDS = tuple(f"at_{hour:02}{minute:02}" for hour in range(24) for minute in (0, 30))
SITE_TIME = "site_time"
"""Follows a time of day that is the site's and may not be the caller's."""
DATE_IDS = (*(f"on_day_{day}" for day in range(1, 32)), *(f"in_month_{month}" for month in range(1, 13)))
OPENS_IDS = (
    "opens_again",
    "opens_today",
    "opens_tomorrow",
    *(f"opens_{weekday}" for weekday in WEEKDAYS),
    *TIME_IDS,
    *DATE_IDS,
    SITE_TIME,
)
DIGIT_IDS = tuple(f"digit_{digit}" for digit in range(10))

_A_WEEK_DAYS = 7


def opening_clips(
    language: str, at: datetime, now: datetime, site_zone: ZoneInfo, caller_zone: ZoneInfo | None
) -> list[Clip]:
    """Return the clips for the next opening: the day, and the time if there is a text for it (full and half hours).

    Day and time are the caller's. They are the site's, and the caller hears so, if the caller's zone is not known
    (`caller_zone` is None), or if only the site's clock then shows a full or half hour.
    """
    zone = caller_zone
    if zone is None or (time_id(at.astimezone(zone)) is None and time_id(at.astimezone(site_zone)) is not None):
        zone = site_zone
    there, here = at.astimezone(zone), now.astimezone(zone)
    clips: list[Clip] = [(language, "opens_again")]
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


def digit_clips(language: str, text: str, group: int = 3) -> list[Clip]:
    """Return the clips of single digits, with a pause between groups; other characters are skipped."""
    names = [f"digit_{character}" for character in text if character in "0123456789"]
    clips: list[Clip] = []
    for place, name in enumerate(names):
        if place and place % group == 0:
            clips.append(PAUSE)
        clips.append((language, name))
    return clips
