"""Without a controller the dialplan keeps to the hours of each line, and says the announcement.

Needs a line of its own: its controller is stopped for good.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import OFFSET, short_folder
from line import FRENCH_NUMBER, Line, running

from ivr import clock
from ivr.demo.telephone import Telephones

BELGIAN_NUMBER = "+32800212001"
SHARED_NUMBER = "+80000212000"


@pytest.fixture
async def lone_line(telephones: Telephones) -> AsyncIterator[Line]:
    with short_folder("hatif-lone-") as folder:
        async with running(Path(folder), OFFSET + 1000) as up:
            yield up


async def test_a_closed_line_is_closed_and_the_others_are_open_and_all_hear_the_announcement(
    lone_line: Line, telephones: Telephones
) -> None:
    line = lone_line
    await line.down()
    site = line.site / "site.toml"
    never = f'[hours.line."{FRENCH_NUMBER}"]\nmonday = []\n\n[hours.language.nl]\nmonday = []\n\n[operators]'
    site.write_text(site.read_text().replace("[operators]", never, 1))
    await line.up()
    line.control("POST", "/hours/announcement", {"text": "welcome"})
    await asyncio.sleep(0.5)  # until AstDB has it
    line.without_controller()
    await asyncio.sleep(0.3)  # until Asterisk has seen it go; who comes before is the guard's
    french, belgian, dutch = await asyncio.gather(
        line.dial(telephones, "+33612300001", FRENCH_NUMBER),
        line.dial(telephones, "+32470123452", BELGIAN_NUMBER),
        line.dial(telephones, "+31612300003", "+31800212002"),
    )
    await asyncio.gather(
        french.hears(line.audio("fr", "welcome"), 20),
        belgian.hears(line.audio("fr", "welcome"), 20),
        dutch.hears(line.audio("nl", "welcome"), 20),
    )
    await asyncio.gather(
        french.hears(line.audio("fr", "closed"), 10),
        belgian.hears(line.audio("fr", "fallback_wait"), 10),
        dutch.hears(line.audio("nl", "closed"), 10),
    )
    await french.ended(10)
    await dutch.ended(10)
    await belgian.hangup()


async def test_a_holiday_closes_the_lines_of_a_dead_controller(lone_line: Line, telephones: Telephones) -> None:
    line, today = lone_line, clock.now().date()
    for day in (today, today + timedelta(days=1)):
        line.control("POST", "/hours/holidays", {"day": day.isoformat(), "name": "Fête"})
    await asyncio.sleep(0.5)  # until AstDB has it
    line.without_controller()
    await asyncio.sleep(0.3)  # until Asterisk has seen it go; who comes before is the guard's
    call = await line.dial(telephones, "+33612300004", SHARED_NUMBER)
    await call.hears(line.audio("ar", "closed"), 20)
    await call.ended(10)
