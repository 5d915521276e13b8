"""`hatif db copy` with a caller on the line."""

import asyncio

from line import Line

from ivr.home import line_settings
from ivr.softphone.telephone import Telephones

pytest_plugins = ["db_fixtures"]


async def test_a_waiting_caller_is_served_over_the_move_to_postgresql_which_has_the_call_and_its_case(
    lone_line: Line, telephones: Telephones, empty_postgresql_url: str
) -> None:
    line = lone_line
    call = await line.waiting(telephones, "+33612300001")
    before = line.pid("ivr")
    answer = await asyncio.to_thread(line.process, "db", "copy", empty_postgresql_url)
    assert answer.returncode == 0, answer.stderr
    await line.controller_back(before)
    kept = line_settings.read(line.home)
    assert kept is not None and kept.database == empty_postgresql_url
    line.database = empty_postgresql_url  # where the test looks
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870)
    await call.hears_tone(1870)
    await call.hangup()
    story = await line.story("+33612300001")
    assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", phone.user)
    assert story["call"]["case"] in {case["reference"] for case in await line.cases()}
    assert line.json("calls")[0]["id"] == str(story["call"]["id"])
    await phone.unregister()
