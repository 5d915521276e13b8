"""Without a controller the dialplan follows the hours of each number and plays the announcement."""

import asyncio
from datetime import timedelta

from line import FRENCH_NUMBER, Line

from ivr.hours.opening import FAMILY
from ivr.model import clock
from ivr.softphone.telephone import Telephones

BELGIAN_NUMBER = "+32800212001"


async def test_in_the_fallback_only_the_closed_number_is_closed_and_all_callers_hear_the_announcement(
    line: Line, telephones: Telephones
) -> None:
    site = line.site / "site.toml"
    never = f'[hours.line."{FRENCH_NUMBER}"]\nmonday = []\n\n[hours.language.nl]\nmonday = []\n\n[operators]'
    before = site.read_text()
    site.write_text(before.replace("[operators]", never, 1))
    await line.restart()
    line.control("PUT", "/announcement", {"text": "goodbye"})
    await line.until_astdb(FAMILY, "announcement", "goodbye")  # the last that is written
    await line.without_controller()
    site.write_text(before)  # for the next test
    french, belgian, dutch = await asyncio.gather(
        line.dial(telephones, "+33612300001", FRENCH_NUMBER),
        line.dial(telephones, "+32470123452", BELGIAN_NUMBER),
        line.dial(telephones, "+31612300003", "+31800212002"),
    )
    await asyncio.gather(
        french.hears(line.audio("fr", "goodbye"), 20),
        belgian.hears(line.audio("fr", "goodbye"), 20),
        dutch.hears(line.audio("nl", "goodbye"), 20),
    )
    await asyncio.gather(
        french.hears(line.audio("fr", "closed"), 10),
        belgian.hears(line.audio("fr", "fallback_wait"), 10),
        dutch.hears(line.audio("nl", "closed"), 10),
    )
    await french.ended(10)
    await dutch.ended(10)
    await belgian.hangup()


async def test_a_holiday_is_known_to_the_dialplan_for_the_time_without_a_controller(line: Line) -> None:
    """What a caller of a closed line then hears: test_fallback.py."""
    today = clock.now().date()
    for day in (today, today + timedelta(days=1)):
        line.control("POST", "/holidays", {"day": day.isoformat(), "name": "Fête"})
    await line.until_astdb(FAMILY, "open_until", "0")
