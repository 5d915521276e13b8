"""`hatif db copy` of a running line: from SQLite to PostgreSQL, with a caller, and back."""

import asyncio

from db_helpers import count
from line import Line

from db.tables import Call
from ivr.home import line_settings
from ivr.softphone.telephone import Telephones

pytest_plugins = ["db_fixtures"]


async def copy(line: Line, database: str) -> None:
    """Move the running line; its tests look into that database from now on."""
    controller, journal = line.pid("ivr"), line.pid("journal")
    answer = await asyncio.to_thread(line.process, "db", "copy", database)
    assert answer.returncode == 0, answer.stderr
    assert "all of them compared" in answer.stdout and "PASSWORD" not in answer.stdout
    await line.controller_back(controller)
    assert line.pid("journal") != journal
    kept = line_settings.read(line.home)
    assert kept is not None and kept.database == database
    line.database = database


async def test_a_waiting_caller_is_served_over_the_move_to_postgresql_which_has_the_call_and_its_case_and_back(
    lone_line: Line, telephones: Telephones, empty_postgresql_url: str
) -> None:
    line, former = lone_line, lone_line.database
    call = await line.waiting(telephones, "+33612300001")
    await copy(line, empty_postgresql_url)
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870)
    await call.hears_tone(1870)
    await call.hangup()
    story = await line.story("+33612300001")
    assert (story["call"]["outcome"], story["call"]["operator"]) == ("answered", phone.user)
    assert story["call"]["case"] in {case["reference"] for case in await line.cases()}
    assert line.json("calls")[0]["id"] == str(story["call"]["id"])
    await phone.unregister()

    await copy(line, f"sqlite:///{line.home / 'back.db'}")
    await (await line.dial(telephones, "+33612300002")).hangup()
    await line.story("+33612300002")
    assert line.json("calls")[1]["id"] == str(story["call"]["id"])
    # A call is only in the databases from its own time on.
    assert [await count(url, Call) for url in (former, empty_postgresql_url, line.database)] == [1, 1, 2]
