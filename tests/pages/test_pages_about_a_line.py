"""Pages that are followed on a running line: docs/upkeep.md, status.md, fastagi.md, hours.md, report.md, roster.md."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from line import Line
from page import CHECKOUT, Page, follow
from reader import typed
from shell import Answer

from ivr.home.settings import EXAMPLE
from ivr.softphone.telephone import Telephones

UPGRADED = "tests/upkeep/test_asterisk_upgrade.py does it, without 95 MB from a mirror"


async def test_upkeep(line: Line) -> None:
    page = Page("upkeep.md")
    not_run = dict.fromkeys(page.commands("## `hatif asterisk upgrade`"), UPGRADED)
    not_run["hatif restart asterisk --when-idle"] = "tests/upkeep/test_upkeep_on_the_line.py does it, with a caller"
    drained: list[object] = []

    def run(text: str) -> Answer:
        answer = typed(text, line.environment, line.home)
        if text.startswith("hatif drain"):
            drained.append(line.control("GET", "/status")["drained"])
        return answer

    before = line.pid("asterisk"), line.pid("ivr")
    told = await asyncio.to_thread(follow, page.commands(), run, not_run=not_run)
    assert len(told) == 8
    assert "Nothing has changed." in told["hatif reload"].stdout
    assert [state is not None for state in drained] == [True, True, False]
    assert line.pid("asterisk") != before[0] and line.pid("ivr") != before[1]
    # Calls of the tests before may have gone unanswered, which counts for a minute.
    await line.until(lambda: line.run("status").returncode == 0, 90, "calls are served")


@pytest.mark.parametrize("name", ["hours.md", "report.md", "roster.md"])
async def test_commands_that_show_or_force_something(line: Line, name: str) -> None:
    commands = [command for command in Page(name).commands() if command.startswith("hatif ")]
    assert len(commands) >= 4
    shutil.copy(EXAMPLE / "roster.csv", line.site)
    await line.until(lambda: line.run("report").returncode == 0, 10, "the database has its tables")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"

    def run(text: str) -> Answer:
        return typed(text, line.environment, line.home)

    written = {file: str(line.home / file) for file in ("report.svg", "report.pdf", "report.xlsx")}
    await asyncio.to_thread(follow, commands, run, values={"2026-12-24T19:30": tomorrow, **written})
    if name == "report.md":
        assert (line.home / "operators.csv").read_text().startswith('"operator",')
        assert (line.home / "report.svg").read_text().startswith("<svg")


async def test_status(line: Line) -> None:
    page = Page("status.md")
    told = await asyncio.to_thread(line.json, "status")
    rows = re.findall(r"^\| `([^`]+)` \| .* \| (yes|no|see left) \|$", page.text, re.MULTILINE)
    described = dict(rows)
    for check in told["checks"]:
        name = re.sub(r"^carrier .*", "carrier NAME", check["name"])
        assert name in described, name
        assert described[name] == "see left" or check["fatal"] <= (described[name] == "yes"), check
    sources = "".join(path.read_text() for path in (CHECKOUT / "cli" / "processes").glob("*.py"))
    named = {*re.findall(r'\bCheck\(f?"([a-z ]+?)(?: \{.*?\})?"', sources)}
    assert {name.replace(" NAME", "") for name in described} == named


CONTEXTS = """
[page]
{hours}
 same => n,Set(DB(page/hours)=${{HATIF_HOURS}} ${{HATIF_OPEN_UNTIL}})
{case}
exten => talk,1,Wait(9)
{log}
[closed]
exten => s,1,Set(DB(page/hours)=${{HATIF_HOURS}} ${{HATIF_OPENS_NEXT}})
[without-hatif]
exten => s,1,Set(DB(page/hours)=without)
[state-open]
exten => s,1,Set(DB(page/case)=${{HATIF_CASE_STATE}} [${{HATIF_PIN}}])
 same => n,Goto(page,talk,1)
[operator]
exten => s,1,Set(DB(page/case)=operator ${{HATIF_CASE}})
"""


@pytest.fixture
async def dialplan_of_the_page(line: Line) -> AsyncIterator[None]:
    """What docs/fastagi.md writes, in the line's Asterisk."""
    hours, case, log = (block.text for block in Page("fastagi.md").blocks)
    text = CONTEXTS.format(hours=hours, case=case, log=log).replace("127.0.0.1/", f"127.0.0.1:{4573 + line.offset}/")
    file = line.home / "asterisk" / "etc" / "extensions.conf"
    before = file.read_text()
    sounds = [line.home / "asterisk" / "data" / "sounds" / "en" / f"enter-{name}.ulaw" for name in ("reference", "pin")]
    file.write_text(f"{before}{text}")
    for sound in sounds:
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(bytes(800))
    for module in ("res_speech", "res_agi", "app_read"):
        line.console(f"module load {module}.so")
    line.console("dialplan reload")
    try:
        yield
    finally:
        file.write_text(before)
        line.console("dialplan reload")
        line.console("database deltree page")
        for sound in sounds:
            sound.unlink()


async def said(line: Line, key: str) -> str:
    """Return what the page's dialplan has found out."""
    for _ in range(50):
        if found := (await line.astdb("page")).get(key):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"the dialplan told nothing about {key}: {line.console('dialplan show page')}")


async def test_fastagi(line: Line, dialplan_of_the_page: None, telephones: Telephones) -> None:
    line.control("POST", "/hours", {"force": "open"})
    assert "No such" not in line.console("channel originate Local/100@page application Wait 2")
    assert await said(line, "hours") == "open "  # until it is said otherwise

    about = (
        "--topic",
        "travel",
        "--language",
        "fr",
        "--country",
        "FR",
        "--title",
        "A visa",
        "--caller",
        "+33656000071",
    )
    opened = await asyncio.to_thread(line.json, "case", "open", *about)
    phone = await line.phone(telephones, "1018")
    phone.will_ring()
    line.console("channel originate PJSIP/1018 extension 200@page")  # in place of a caller
    call = await phone.next_call()
    await call.answer()
    await call.press(opened["reference"].replace("-", "").replace(" ", ""))
    await asyncio.sleep(0.5)
    await call.press(opened["pin"])
    assert await said(line, "case") == "open []"

    await call.hangup()
    # What the extension `h` logs of a call is tried by tests/asterisk_conf/test_other_asterisk.py.
