"""The command line on a running line, after a call: the output of each command, for people and for programs."""

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from left import rows
from line import FRENCH_NUMBER, Line
from shell import Answer

from db.tables import CaseReference
from ivr.softphone.telephone import Telephones

CALLER = "+33615000001"
CALL_KEYS = {
    *("id", "number", "caller", "country", "language", "path", "outcome", "operator", "case", "wait_s"),
    *("started", "line_answered", "queued", "connected", "ended"),
}
SENTENCE = "What is said in a test."


@pytest.fixture(scope="module")
async def served(shared_line: Line) -> AsyncIterator[dict[str, Any]]:
    """The story of a call that an operator has served."""
    async with Telephones() as telephones:
        phone = await shared_line.phone(telephones, shared_line.speaks("fr"), answers=1870.0)
        call = await shared_line.asks_for_operator(telephones, CALLER, "230")  # an emergency
        await shared_line.until_state(phone.user, "talking")
        await call.hangup()
        story = await shared_line.story(CALLER)
    await shared_line.cleared()
    yield story


async def together(line: Line, *commands: str) -> list[Answer]:
    """Runs commands, and the telephones with them."""
    return await asyncio.gather(*(asyncio.to_thread(line.run, *command.split()) for command in commands))


def instant(text: str) -> datetime:
    """A time as commands write it. AssertionError if it is not UTC."""
    at = datetime.fromisoformat(text)
    assert at.utcoffset() == timedelta(0)
    return at


# The line


def test_status_names_processes_addresses_and_calls_and_exits_0_while_calls_can_be_served(line: Line) -> None:
    answer = line.run("status", "--json")
    data = json.loads(answer.stdout)
    assert [check for check in data["checks"] if check["fatal"] and not check["ok"]] == []
    assert (answer.returncode, data["serves"]) == (0, True)
    assert data["processes"] == {name: line.pid(name) for name in data["processes"]}
    assert {"asterisk", "ivr", "journal"} <= data["processes"].keys()
    assert data["addresses"]["sip"] == line.sip
    assert {"ari", "ami", "control", "rtp"} <= data["addresses"].keys()
    assert data["calls"] == {}
    assert "Serves calls." in line.process("status", cold=True).stdout


def test_status_exits_1_where_nothing_runs(line: Line, tmp_path: Path) -> None:
    line_of_nobody = Line.__new__(Line)
    line_of_nobody.environment = {
        **line.environment,
        "HATIF_HOME": str(tmp_path / "home"),
        "HATIF_PORT_OFFSET": "50000",
    }
    answer = line_of_nobody.run("status", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["serves"] is False


def test_numbers_have_a_country_and_all_languages_in_order(line: Line) -> None:
    rows = {row["number"]: row for row in line.json("numbers")}
    assert len({row["country"] for row in rows.values()}) == 27  # 26, and the number that all share
    assert rows[FRENCH_NUMBER]["country"] == "FR"
    assert rows[FRENCH_NUMBER]["languages"][:2] == ["fr", "ar"]
    assert rows["+80000212000"]["country"] is None
    assert {len(row["languages"]) for row in rows.values()} == {7}


async def test_waiting_shows_who_is_next(line: Line, telephones: Telephones) -> None:
    """The list shows what each caller needs now; a topic is dropped if nobody on duty serves it."""
    phone = await line.phone(telephones, line.speaks("fr"))
    line.control("POST", f"/operators/{phone.user}/state", {"state": "paused", "reason": "break"})
    await line.waiting(telephones, "+33615000002", topic_key="30")
    await line.waiting(telephones, "+33615000003", topic_key="20")
    waiting, status = await together(line, "waiting --json", "status --json")
    rows = json.loads(waiting.stdout)
    assert [(row["place"], row["caller"], row["language"], row["topic"]) for row in rows] == [
        (1, "+33615000002", "fr", "urgent"),
        (2, "+33615000003", "fr", "documents"),
    ]
    assert rows[0]["waited_s"] > rows[1]["waited_s"] > 0
    assert json.loads(status.stdout)["calls"] == {"waiting": 2}


# Operators


def test_operators_have_languages_with_levels_and_a_state(line: Line) -> None:
    rows = {row["id"]: row for row in line.json("operators")}
    assert len(rows) == 43
    assert {"id", "name", "languages", "state", "supervisor"} <= rows["1002"].keys()
    assert rows["1002"]["languages"] == {"ar": 5, "fr": 3, "en": 3}
    assert rows["1002"]["state"] == "away"
    assert [row["id"] for row in rows.values() if row["supervisor"]] == ["1901", "1902", "1903"]


async def test_the_settings_of_a_telephone_are_those_with_which_it_registers(
    line: Line, telephones: Telephones
) -> None:
    known, unknown = await together(line, "operators phone 1002 --json", "operators phone 4711")
    settings = json.loads(known.stdout)
    assert settings.keys() == {"user", "password", "server", "transport", "digits", "codecs"}
    await telephones.operator(settings["user"], settings["password"], settings["server"]).register()
    await line.until_state("1002", "ready")
    assert unknown.returncode == 1
    assert unknown.stderr == "hatif: There is no operator 4711; `hatif operators` lists them.\n"


async def test_a_forced_state_holds_until_it_is_changed_again(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))

    async def set_to(*words: str) -> tuple[str, str | None]:
        answer = await asyncio.to_thread(line.run, "operators", "set", phone.user, *words)
        assert answer.returncode == 0
        await line.until_state(phone.user, words[0])
        return line.operator_state(phone.user), line.operator_reason(phone.user)

    assert await set_to("paused", "--reason", "lunch") == ("paused", "lunch")
    await phone.register()  # a telephone that registers again ends no pause
    await line.asks_for_operator(telephones, "+33615000004")
    await line.until(lambda: len(line.control("GET", "/queue")) == 1, 3, "the caller waits")
    assert line.operator_reason(phone.user) == "lunch"
    assert (await asyncio.to_thread(line.run, "operators", "set", phone.user, "ready")).returncode == 0
    await phone.next_call()
    for refused in await together(line, "operators set 4711 ready", f"operators set {phone.user} asleep"):
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1


# Calls, and what was done


async def test_calls_are_listed_with_all_that_the_design_promises(line: Line, served: dict[str, Any]) -> None:
    all_calls, last, table = await together(
        line, "calls --last 100 --json", "calls --last 1 --json", "calls --last 100"
    )
    rows = json.loads(all_calls.stdout)
    assert rows == sorted(rows, key=lambda row: row["started"], reverse=True)
    assert json.loads(last.stdout) == rows[:1]
    (row,) = [row for row in rows if row["caller"] == CALLER]
    assert row.keys() >= CALL_KEYS
    assert (row["number"], row["country"], row["language"]) == (FRENCH_NUMBER, "FR", "fr")
    assert (row["outcome"], row["operator"]) == ("answered", line.speaks("fr"))
    assert row["path"][0] == "language"
    times = [instant(row[name]) for name in ("started", "line_answered", "queued", "connected", "ended")]
    assert times == sorted(times)
    assert row["wait_s"] == pytest.approx((times[3] - times[2]).total_seconds(), abs=0.01)
    assert CALLER in table.stdout
    assert row["id"] in table.stdout


async def test_a_call_with_its_whole_story_is_found_by_the_beginning_of_its_id(
    line: Line, served: dict[str, Any]
) -> None:
    identity = str(served["call"]["id"])
    whole, by_beginning, for_people, nobody = await together(
        line, f"call {identity} --json", f"call {identity[:-4]} --json", f"call {identity}", "call 0123"
    )
    story = json.loads(whole.stdout)
    assert story == json.loads(by_beginning.stdout)
    assert story.keys() >= {*CALL_KEYS, "events", "offers", "decisions", "pairings"}
    assert story["id"] == identity
    kinds = [event["kind"] for event in story["events"]]
    milestones = ["language", "hours", "hours", "waiting", "offered", "connected", "conversation_ended", "ended"]
    assert [kind for kind in kinds if kind in milestones] == milestones
    assert [event["data"]["key"] for event in story["events"] if event["kind"] == "key"] == ["2", "3", "0"]
    (decision,) = story["decisions"]
    assert decision["operator_id"] == story["operator"]
    assert [offer["state"] for offer in story["offers"]] == ["accepted"]
    for words in ("presses 2", f"talks to operator {story['operator']}", "the caller hung up", decision["reason"]):
        assert words in for_people.stdout
    assert nobody.returncode == 1
    assert nobody.stderr == "hatif: no call has an id that begins with '0123': see `hatif calls`\n"


async def test_a_call_that_reached_an_operator_has_a_case(line: Line, served: dict[str, Any]) -> None:
    data, table = await together(line, "cases --json", "cases")
    (case,) = [row for row in json.loads(data.stdout) if row["call_id"] == str(served["call"]["id"])]
    assert case["reference"] == served["call"]["case"]
    assert (case["caller"], case["topic"], case["language"], case["state"]) == (CALLER, "urgent", "fr", "open")
    assert case["reference"] in table.stdout
    await rows(line, CaseReference, reference=case["reference"])  # reserved before it was given out
    stock = (line.home / "case_references").read_text().split()
    assert case["reference"] not in stock
    assert len(stock) > 1000


# Hours


def test_hours_are_forced_and_given_back_to_the_plan(line: Line) -> None:
    forced = line.json("hours", "force", "closed", "--why", "fire drill")
    assert forced.keys() >= {"open", "until", "why"}
    assert forced["open"] is False
    assert line.json("hours") == forced
    assert "fire drill" in forced["why"]
    assert line.run("hours", "force", "auto").stdout.startswith("Open: open by the weekly plan")
    refused = line.run("hours", "force", "shut")
    assert refused.returncode == 1
    assert refused.stderr == "hatif: 'shut' is not a state; write open, closed or auto.\n"


async def test_hours_are_shown_for_any_time(line: Line) -> None:
    await together(line, "hours force closed --until 2030-06-03T12:00")
    before, after, refused = await together(
        line, "hours at 2030-06-03T11:59 --json", "hours at 2030-06-03T12:01 --json", "hours at noon"
    )
    assert json.loads(before.stdout)["open"] is False
    assert json.loads(after.stdout)["open"] is True
    assert refused.returncode == 1
    assert refused.stderr == "hatif: 'noon' is not a time; write it as 2026-12-24T19:30.\n"


# Prompts, dialplan, database


async def test_every_prompt_is_listed_with_text_and_file(line: Line) -> None:
    listed, counted = await together(line, "prompts list --json", "prompts status --json")
    rows = json.loads(listed.stdout)
    assert rows[0].keys() == {"id", "language", "text", "file", "source"}
    (goodbye,) = [row for row in rows if (row["id"], row["language"]) == ("goodbye", "fr")]
    assert (line.home / "sounds" / f"{goodbye['file'].removeprefix('hatif/')}.ulaw").is_file()
    assert goodbye["text"].startswith("Merci")
    status = {row["language"]: row for row in json.loads(counted.stdout)}
    assert [language for language, row in status.items() if row["on"]] == ["ar", "fr", "es", "it", "nl", "de", "en"]
    assert [language for language, row in status.items() if not row["on"]] == ["zgh"]
    for language, row in status.items():
        ids = [row["id"] for row in rows if row["language"] == language]
        assert row["recorded"] + row["synthesised"] + row["names"] == len(ids)
        names = [f"name_{operator.id}" for operator in line.operators if next(iter(operator.languages)) == language]
        assert [identifier for identifier in ids if identifier.startswith("name_")] == names
        assert row["names"] == len(names)
        assert row["stale"] == 0


def test_a_text_is_spoken_into_a_file(line: Line, tmp_path: Path) -> None:
    out = tmp_path / "said.wav"
    assert line.run("prompts", "say", "--language", "en", "--out", str(out), SENTENCE).returncode == 0
    with wave.open(str(out)) as file:
        assert 1 < file.getnframes() / file.getframerate() < 5
    refused = line.run("prompts", "say", "--language", "xx", "--out", str(out), SENTENCE)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


def test_the_site_is_checked(line: Line) -> None:
    assert line.run("check").stdout.startswith(f"{line.site}: in order")


async def test_the_dialplan_is_rendered_and_looked_through(line: Line, tmp_path: Path) -> None:
    running = line.home / "asterisk" / "etc" / "extensions.conf"
    broken, out = tmp_path / "broken.conf", tmp_path / "extensions.conf"
    broken.write_text(running.read_text().replace("Goto(hatif-entry,", "Goto(hatif-entrance,", 1))
    shown, written, found, refused = await together(
        line,
        "dialplan render",
        f"dialplan render --out {out}",
        "dialplan lint --json",
        f"dialplan lint {broken} --json",
    )
    assert shown.stdout == running.read_text()
    assert written.returncode == 0
    assert out.read_text() == running.read_text()
    assert json.loads(found.stdout) == []
    assert refused.returncode == 1
    assert json.loads(refused.stdout)[0].keys() == {"code", "file", "line", "sentence"}


async def test_a_dialplan_is_loaded_and_a_broken_one_refused(
    line: Line, telephones: Telephones, tmp_path: Path
) -> None:
    running = line.home / "asterisk" / "etc" / "extensions.conf"
    before = running.read_text()
    loaded = line.json("dialplan", "load")
    assert (loaded["changes"], loaded["warnings"]) == ([], [])
    assert loaded["contexts"] > 5
    broken = tmp_path / "broken.conf"
    broken.write_text(before.replace("Goto(hatif-entry,", "Goto(hatif-entrance,"))
    refused = line.run("dialplan", "load", str(broken))
    assert refused.returncode == 1
    assert "hatif-entrance" in refused.stderr
    assert running.read_text() == before
    assert line.json("dialplan", "load")["changes"] == []
    await line.dial(telephones, "+33615000005")


def test_the_tables_are_upgraded_once(line: Line) -> None:
    answer = line.run("db", "upgrade")
    assert answer.returncode == 0
    assert "no new migrations" in answer.stdout
