"""`hatif hours`: changes apply from the next call on, and each answer is explained."""

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from line import Line
from shell import Answer, command
from sqlalchemy import select

from db.engine import open_engine, reading
from db.tables import HoursOverride
from ivr.hours.opening import FAMILY, HOLIDAYS
from ivr.model import clock
from ivr.softphone.telephone import Telephones

LATER = clock.now().date() + timedelta(days=60)


async def together(line: Line, *commands: str) -> list[Answer]:
    return await asyncio.gather(*(asyncio.to_thread(line.run, *item.split()) for item in commands))


def holidays(line: Line, *options: str) -> list[dict[str, Any]]:
    answer = line.json("hours", "holiday", *options)
    assert (answer["source"], "taken_back" in answer) == ("controller", True)
    rows: list[dict[str, Any]] = answer["holidays"]
    return rows


async def changes(line: Line) -> set[tuple[str, date | None, str | None, str | None]]:
    """Return the changes in the database that nobody has cancelled: kind, day, name, reason."""
    table = HoursOverride
    query = select(table.kind, table.day, table.name, table.reason).where(table.cancelled.is_(None))
    async with open_engine(line.database) as engine, reading(engine) as connection:
        return {(row.kind, row.day, row.name, row.reason) for row in await connection.execute(query)}


# Holidays


def test_a_holiday_is_added_moved_and_removed(line: Line) -> None:
    day, to = LATER.isoformat(), (LATER + timedelta(days=1)).isoformat()
    (row,) = [item for item in holidays(line, "add", day, "--name", "Fête") if item["date"] == day]
    assert row == {
        "date": day,
        "weekday": f"{LATER:%A}".lower(),
        "name": "Fête",
        "estimated": False,
        "source": "administrator",
    }
    closed = line.json("hours", "at", f"{day}T12:00")
    assert (closed["open"], closed["holiday"]) == (False, "Fête")
    assert "closed on a holiday: Fête, by the administrator" in closed["why"]
    assert closed["opens_next"][:10] == to
    # What the same would be in the site's files, and the way back from a change at once.
    moved = line.control("GET", f"/holidays/in-files?day={day}&act=move&to={to}")
    assert moved == {"days": {day: None, to: "Fête"}}
    (at_once,) = line.json("hours", "holiday")["at_once"]
    assert (at_once["date"], at_once["holiday"], at_once["value"]) == (day, True, "Fête")
    assert f"Changed at once, not in site.toml: {day}" in line.run("hours", "holiday").stdout
    assert line.run("hours", "holiday", "withdraw", day).stdout == "Holidays: none\n"
    assert line.run("hours", "holiday", "withdraw", day).returncode != 0
    line.run("hours", "holiday", "add", day, "--name", "Fête")
    assert line.run("hours", "holiday", "move", day, to).returncode == 0
    assert [item["date"] for item in holidays(line)] == [to]
    assert line.json("hours", "at", f"{day}T12:00")["open"] is True
    assert to in line.run("hours", "holiday", "list").stdout
    assert holidays(line, "list", "--year", str(LATER.year + 2)) == []
    assert line.run("hours", "holiday", "remove", to).stdout == "Holidays: none\n"
    assert line.json("hours", "at", f"{to}T12:00")["open"] is True


async def test_an_impossible_change_is_refused_in_one_sentence(line: Line) -> None:
    nothing, unreadable, itself, far = await together(
        line,
        f"hours holiday remove {LATER}",
        "hours holiday add tomorrow",
        f"hours holiday move {LATER} {LATER}",
        "hours holiday add 2150-01-01",
    )
    for refused, message in (
        (nothing, f"{LATER} is not a holiday; `hatif hours holiday` lists them."),
        (unreadable, "'tomorrow' is not a day; write it as 2027-03-10."),
        (itself, f"{LATER} is not a holiday"),
        (far, "2150-01-01 is too far away; write a day from 2000 to 2099."),
    ):
        assert refused.returncode == 1
        assert message in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


async def test_a_caller_on_a_holiday_finds_the_line_closed_and_the_next_one_does_not_once_it_is_removed(
    line: Line, telephones: Telephones
) -> None:
    today = clock.now().date()  # the import may have been yesterday
    line.control("POST", "/holidays", {"day": today.isoformat(), "name": "Fête"})
    line.control("POST", "/holidays", {"day": (today + timedelta(days=1)).isoformat(), "name": "Fête"})
    call = await line.dial(telephones, "+33616000001")
    await call.press("2")
    story = await line.story(
        "+33616000001", ended=False, told=lambda story: any(event["kind"] == "hours" for event in story["events"])
    )
    (hours,) = [event["data"] for event in story["events"] if event["kind"] == "hours"]
    assert hours["open"] is False
    assert "closed on a holiday: Fête, by the administrator" in hours["why"]
    await call.hangup()
    line.control("DELETE", f"/holidays/{today}")
    again = await line.waiting(telephones, "+33616000002")
    await again.hangup()


async def test_an_override_is_in_the_database_and_survives_a_restart(line: Line) -> None:
    line.run("hours", "holiday", "add", LATER.isoformat(), "--name", "Fête")
    line.run("hours", "force", "closed", "--why", "storm", "--until", f"{LATER}T12:00")
    line.run("hours", "announce", "institution", "--why", "flood")
    before = line.json("hours")
    assert (before["forced"], before["announcement"], before["source"]) == (True, "institution", "controller")
    await line.until_astdb(HOLIDAYS, LATER.isoformat(), "{")
    await line.until_astdb(FAMILY, "override", '{"force": "closed", "why": "storm"')
    await line.until_astdb(FAMILY, "announcement", "institution")
    words = {("holiday", LATER, "Fête", None), ("closed", None, None, "storm")}
    await line.until(lambda: asyncio.run(changes(line)) >= words, 8, "the database has the administrator's word")
    await line.restart()
    await line.until(lambda: line.json("hours") == before, 5, "the hours are as before")
    assert [item["date"] for item in holidays(line)] == [LATER.isoformat()]


# The announcement


async def test_a_text_is_announced_only_if_it_has_audio_in_every_language(line: Line) -> None:
    output = line.run("hours", "announce", "institution", "--why", "flood").stdout
    assert output == "Every caller hears first: institution\n"
    shown, unknown = await together(line, "hours", "hours announce no_such_text")
    assert "Every caller hears first: institution" in shown.stdout
    assert unknown.returncode == 1
    assert (
        unknown.stderr == "hatif: There is no text 'no_such_text' with audio; `hatif prompts list` lists all texts.\n"
    )
    assert line.json("hours")["announcement"] == "institution"
    assert line.run("hours", "announce", "off").stdout == "There is no announcement.\n"
    assert line.json("hours")["announcement"] is None


# Answers


async def test_hours_answers_for_a_number_and_a_language(line: Line) -> None:
    known, unknown, no_language = await together(
        line,
        "hours at 2030-06-03T11:59 --line +33800212000 --language nl --json",
        "hours --line +33999",
        "hours at 2030-06-03T11:59 --language xx",
    )
    assert json.loads(known.stdout)["open"] is True
    assert unknown.stderr == "hatif: '+33999' is not a number of this site; `hatif numbers` lists them.\n"
    assert (
        no_language.stderr == "hatif: 'xx' is not a language of this site; write one of ar, fr, es, it, nl, de, en.\n"
    )


async def test_without_a_controller_the_files_answer_and_with_a_wrong_token_the_command_fails(
    line: Line, tmp_path: Path
) -> None:
    other_home = tmp_path / "other"
    other_home.mkdir()
    day = date(2027, 3, 10)
    site = line.site / "site.toml"
    site.write_text(site.read_text().replace("[hours]", '[hours]\nholidays = "MA"', 1))

    def run(*arguments: str, **environment: str) -> Answer:
        return command(arguments, {**line.environment, **environment})

    nobody = {"HATIF_HOME": str(tmp_path / "nobody"), "HATIF_PORT_OFFSET": str(line.offset + 1000)}
    closed, listed, closed_plain, listed_plain, other_token = await asyncio.gather(
        asyncio.to_thread(run, "hours", "at", f"{day}T12:00", **nobody),
        asyncio.to_thread(run, "hours", "holiday", "--year", "2027", "--language", "fr", **nobody),
        asyncio.to_thread(run, "hours", "--json", **nobody),
        asyncio.to_thread(run, "hours", "holiday", "--year", "2027", "--json", **nobody),
        asyncio.to_thread(run, "hours", HATIF_HOME=str(other_home)),
    )
    assert closed.stdout.startswith("Closed: closed on a holiday: Eid al-Fitr, estimated (Wednesday 12:00")
    assert closed.stdout.endswith("(the controller does not answer: from the site's files only)\n")
    assert "2027-03-10  wednesday  Fête de la rupture du jeûne" in listed.stdout
    assert json.loads(closed_plain.stdout)["source"] == "files"
    document = json.loads(listed_plain.stdout)
    assert (document["source"], document["taken_back"]) == ("files", [])
    assert "2027-03-10" in [row["date"] for row in document["holidays"]]
    assert other_token.returncode == 1
    assert "rejects the token of" in other_token.stderr
    assert "does not answer" not in other_token.stderr
