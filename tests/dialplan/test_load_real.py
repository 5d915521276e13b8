"""Loading into a real Asterisk: it has exactly what was loaded, and a broken dialplan changes nothing."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asterisk_console
import pytest
from line import CACHE, FRENCH_NUMBER, Line
from shell import Shell

from asterisk_conf.install import find_or_install
from cli.output import Bar
from dialplan.findings import DialplanError
from dialplan.load import Change, compare, foreign, load, loaded, losses
from dialplan.names import from_console, shipped
from dialplan.parse import Context, parse
from dialplan.plan import Account, Number, Plan, render
from ivr.asterisk.ami import Ami


@pytest.fixture
async def ami(asterisk: Any) -> AsyncIterator[Ami]:
    async with Ami("127.0.0.1", asterisk.ami_port, asterisk.ami_user, asterisk.ami_password) as connection:
        yield connection


@pytest.fixture
async def old(asterisk: Any, ami: Ami) -> AsyncIterator[str]:
    """Asterisk's dialplan, which is loaded again after a test that changed it."""
    text = written(asterisk.etc)
    yield text
    if written(asterisk.etc) != text:
        await load(ami, asterisk.etc, text)


def console(asterisk: Any, command: str) -> str:
    """Return the answer of Asterisk's console; the AMI user may not run commands."""
    return asterisk_console.ask(find_or_install(CACHE, Bar()).program, asterisk.etc, command)


def written(etc: Path) -> str:
    return (etc / "extensions.conf").read_text("utf-8")


async def test_asterisk_has_exactly_the_written_dialplan(asterisk: Any, ami: Ami, old: str) -> None:
    report = await load(ami, asterisk.etc, old)
    assert report.changes == ()
    assert report.contexts >= 5
    assert compare(parse(old).contexts, await loaded(ami)) == []


async def test_a_load_reports_its_changes(asterisk: Any, ami: Ami, old: str) -> None:
    first = "[hatif-test]\nexten => a,1,Hangup(1)\nexten => b,1,Hangup(1)\n"
    second = "[hatif-test]\nexten => a,1,Hangup(2)\nexten => c,1,Hangup(1)\n"
    assert (await load(ami, asterisk.etc, old + first)).changes == (Change("added", "hatif-test"),)
    assert (await load(ami, asterisk.etc, old + second)).changes == (
        Change("added", "hatif-test", "c"),
        Change("removed", "hatif-test", "b"),
        Change("changed", "hatif-test", "a"),
    )
    assert (await load(ami, asterisk.etc, old)).changes == (Change("removed", "hatif-test"),)


async def test_a_dialplan_with_errors_is_refused_and_nothing_is_written(asterisk: Any, ami: Ami, old: str) -> None:
    with pytest.raises(DialplanError, match=r"E_TARGET.*nowhere"):
        await load(ami, asterisk.etc, old + "[hatif-test]\nexten => a,1,Goto(nowhere,s,1)\n")
    assert written(asterisk.etc) == old


async def test_a_dialplan_that_asterisk_understands_differently_is_undone(asterisk: Any, ami: Ami, old: str) -> None:
    # Asterisk knows global variables that the file does not have; only reading back shows it.
    variable = "[hatif-test]\nexten => ${HATIF_NOT_SET}a,1,Hangup(1)\n"
    with pytest.raises(DialplanError, match=r"a in \[hatif-test\] is missing; .*; the old one is back in force"):
        await load(ami, asterisk.etc, old + "[hatif-other]\nexten => b,1,Hangup(1)\n" + variable)
    assert written(asterisk.etc) == old
    assert compare(parse(old).contexts, await loaded(ami)) == []
    assert [path.name for path in asterisk.etc.glob(".extensions.conf*")] == []


async def test_an_administrators_additions_are_reported_and_do_not_prevent_a_load(
    asterisk: Any, ami: Ami, old: str, line: Line
) -> None:
    assert await foreign(ami, "hatif-operators") == []
    console(asterisk, "dialplan add extension *10,1,NoOp into office")
    console(asterisk, "dialplan add include office into hatif-operators")
    assert await foreign(ami, "hatif-operators") == ["*10"]
    (finding,) = await asyncio.to_thread(line.json, "dialplan", "lint")
    assert finding["code"] == "W_CLASH"
    assert finding["sentence"].startswith(
        "the code ready (*10) clashes with the extension *10, which is in Asterisk but not ours; "
    )
    assert (await load(ami, asterisk.etc, old)).changes == ()


async def test_a_context_of_hints_as_a_line_with_the_desk_has_it_prevents_no_load(
    asterisk: Any, ami: Ami, old: str
) -> None:
    with_desk = f"{old}[hatif-telephones]\nexten => 1018,hint,PJSIP/1018\n"
    await load(ami, asterisk.etc, with_desk)
    test = "[hatif-test]\nexten => a,1,Hangup(1)\n"
    assert (await load(ami, asterisk.etc, with_desk + test)).changes == (Change("added", "hatif-test"),)
    removed = (await load(ami, asterisk.etc, old)).changes
    assert removed == (Change("removed", "hatif-telephones"), Change("removed", "hatif-test"))


def without(text: str, line: str) -> str:
    assert line in text
    return "".join(item for item in text.splitlines(keepends=True) if not item.startswith(line))


async def test_parts_of_the_dialplan_that_callers_need_are_not_removed_by_accident(
    asterisk: Any, ami: Ami, old: str, line: Line, tmp_path: Path
) -> None:
    file = tmp_path / "extensions.conf"
    for text, message in (
        ("", "the new one would remove the context [hatif-caller], which Hatif uses; the context [hatif-carrier], "),
        ("[general]\n\n[office]\nexten => 1,1,Hangup()\n", "the new one would remove the context [hatif-caller], "),
        (
            without(old, f"exten => {FRENCH_NUMBER},1,Goto"),
            f"the new one would remove the number {FRENCH_NUMBER} from [hatif-",
        ),
        (old.replace("[hatif-ended]\n", "[hatif-ended-2]\n"), "E_TARGET"),
    ):
        file.write_text(text)
        answer = await asyncio.to_thread(line.run, "dialplan", "load", str(file))
        assert (answer.returncode, answer.stdout) == (1, "")
        assert message in answer.stderr and answer.stderr.count("\n") == 1
    assert written(asterisk.etc) == old
    assert compare(parse(old).contexts, await loaded(ami)) == []


async def test_a_number_is_removed_with_force(asterisk: Any, ami: Ami, old: str, tmp_path: Path) -> None:
    text = without(old, f"exten => {FRENCH_NUMBER},1,Goto")
    with pytest.raises(DialplanError, match=r"use --force$"):
        await load(ami, asterisk.etc, text)
    changes = (await load(ami, asterisk.etc, text, force=True)).changes
    assert changes == (Change("removed", "hatif-carrier", FRENCH_NUMBER),)


async def test_an_administrator_s_own_context_is_loaded_compared_and_reported(
    asterisk: Any, ami: Ami, old: str
) -> None:
    first = await load(ami, asterisk.etc, old + "[office]\nexten => 7,1,Hangup(1)\n")
    assert first.changes == (Change("added", "office"),)
    assert (await loaded(ami, ["office"])).keys() - (await loaded(ami)).keys() == {"office"}
    variable = "[office]\nexten => ${HATIF_NOT_SET}7,1,Hangup(1)\n"
    with pytest.raises(DialplanError, match=r"7 in \[office\] is missing; .*; the old one is back in force"):
        await load(ami, asterisk.etc, old + variable)
    template = "[office-template](!)\nexten => 7,1,Hangup(1)\n[office](office-template)\n"
    assert (await load(ami, asterisk.etc, old + template)).changes == ()
    assert (await load(ami, asterisk.etc, old)).changes == (Change("removed", "office"),)


def test_losses_are_described_in_terms_of_callers() -> None:
    before = parse(
        "[hatif-entry]\nexten => +331,1,Goto(s,1)\nexten => s,1,Hangup()\n[hatif-ended]\nexten => s,1,Hangup()\n"
        "[office]\nexten => 7,1,Hangup()\n[empty]\nexten => 7,1,Hangup()\n"
    ).contexts
    wanted = parse("[hatif-entry]\nexten => a,1,Hangup()\n").contexts
    assert losses(before, wanted, {"office": 2}) == [
        "the context [hatif-ended], which Hatif uses",
        "the number +331 from [hatif-entry]",
        "the extension s from [hatif-entry], which Hatif uses",
        "the context [office], which 2 channels are in",
    ]


def test_a_user_at_a_carrier_is_no_number_that_callers_lose() -> None:
    def plan(user: str, number: str) -> dict[str, Context]:
        numbers = (Number(number, "FR", "fr"),)
        return parse(render(Plan("test1", numbers, ("fr",), (), accounts=(Account(user, number),)))).contexts

    before = plan("line-4711", "+33800000001")
    assert losses(before, plan("line-4712", "+33800000001"), {}) == []
    assert "the number +33800000001 from [hatif-carrier]" in losses(before, plan("line-4711", "+33800000002"), {})


async def test_the_shipped_names_are_those_of_the_running_asterisk(asterisk: Any) -> None:
    questions = ("version", "applications", "functions", "channeltypes")
    running = from_console(*(console(asterisk, f"core show {question}") for question in questions))
    known = shipped(running.version.partition(".")[0])
    assert running.version == known.version
    assert len(running.applications) > 20 and len(running.functions) > 20 and len(running.technologies) > 3
    assert running.applications <= known.applications
    assert running.functions <= known.functions
    assert running.technologies <= known.technologies


async def test_any_dialplan_is_checked_against_the_running_asterisk(asterisk: Any, line: Line, tmp_path: Path) -> None:
    (tmp_path / "asterisk.conf").symlink_to(asterisk.etc / "asterisk.conf")
    (tmp_path / "extensions.conf").write_text("[a]\nexten => s,1,NoOp(x)\n same => n,VoiceMail(1)\n")
    answer = await asyncio.to_thread(line.run, "dialplan", "lint", str(tmp_path), "--asterisk", "running", "--json")
    (finding,) = json.loads(answer.stdout)
    assert (finding["code"], finding["line"]) == ("E_APPLICATION", 3)  # its module is not loaded
    assert finding["sentence"].startswith("application VoiceMail is unknown to Asterisk 2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist; give the path of a dialplan"),
        ("folder", ""),
        ("pipe", "is not a regular file; give the path of a dialplan"),
    ],
)
@pytest.mark.parametrize("command", ["load", "lint"])
def test_a_file_that_is_not_a_dialplan_is_refused_in_one_sentence(
    command: str, content: bytes | str | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "extensions.conf"
    if content == "folder":
        file.mkdir()
    elif content == "pipe":
        os.mkfifo(file)
    elif isinstance(content, bytes):
        file.write_bytes(content)
    answer = Shell(tmp_path).run("dialplan", command, str(file))
    if content == "folder":  # of configuration files, for lint
        message = f"{file} is not a regular file" if command == "load" else f"{file}/extensions.conf does not exist"
        assert (answer.returncode, answer.stderr) == (1, f"hatif: {message}; give the path of a dialplan\n")
        return
    assert (answer.returncode, answer.stderr) == (1, f"hatif: {file} {message}\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[a]\nexten => \xff", "is not UTF-8 (byte 14: invalid start byte); save it as UTF-8"),
        (b";" * 1_000_001, "has more than 1,000,000 characters; it cannot be a dialplan of this line"),
    ],
)
def test_a_file_that_cannot_be_ours_is_not_loaded(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "extensions.conf"
    file.write_bytes(content)
    answer = Shell(tmp_path).run("dialplan", "load", str(file))
    assert (answer.returncode, answer.stderr) == (1, f"hatif: {file} {message}\n")
