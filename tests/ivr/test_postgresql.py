"""A whole line whose case database is PostgreSQL."""

from pathlib import Path

from conftest import OFFSET, short_folder
from line import running

from ivr.softphone.telephone import Telephones

pytest_plugins = ["db_fixtures"]


async def test_a_call_and_its_case_are_in_postgresql(postgresql_url: str, telephones: Telephones) -> None:
    with short_folder("hatif-pg-line-") as folder:
        async with running(Path(folder), OFFSET + 1000, postgresql_url) as line:
            phone = await line.phone(telephones, line.speaks("fr"), answers=1870)
            call = await line.waiting(telephones, "+33612300001")
            await call.hears_tone(1870)
            await call.hangup()
            story = await line.story("+33612300001")
            assert story["call"]["outcome"] == "answered"
            assert story["call"]["operator"] == phone.user
            assert story["call"]["case"] in {case["reference"] for case in await line.cases()}
            assert line.json("calls")[0]["id"] == str(story["call"]["id"])
            await phone.unregister()
