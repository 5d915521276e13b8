"""Every process logs in one form, at one level, and a line says which call and operator it is about."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from line import Line
from shell import command

from ivr.home.settings import LEVELS
from ivr.softphone.telephone import Telephones

PROGRAM = """
import asyncio, logging, sys
from pathlib import Path
import structlog
from ivr.home import logs
logs.configure("rabat-1", Path(sys.argv[1]), sys.argv[2])
log, library, database = structlog.get_logger(), logging.getLogger("library"), logging.getLogger("db.journal")

async def call(name):
    structlog.contextvars.bind_contextvars(call=name)
    log.info("begun")
    with structlog.contextvars.bound_contextvars(operator="1001"):
        await asyncio.sleep(0)
        log.warning("talks")
    log.error("over", operator=None)

async def main():
    await asyncio.gather(call("a"), call("b"))
    log.debug("detail")
    for logger in (library, database):
        logger.debug("level %s", "debug")
        logger.info("level %s", "info")
        logger.warning("level %s", "warning")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed")
        library.exception("failed too")

asyncio.run(main())
"""


def lines(folder: Path, level: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, level], capture_output=True, text=True, timeout=30, check=True
    )
    return ran.stderr.splitlines()


def test_each_line_has_one_form_and_names_its_node_whoever_writes_it(tmp_path: Path) -> None:
    found = lines(tmp_path, "debug")
    assert len(found) == 13
    for line in found:
        assert re.match(r"timestamp=\S+Z level=(debug|info|warning|error) event=", line), line
        assert " node=rabat-1" in line
    for line in (line for line in found if "failed" in line):
        assert "ZeroDivisionError" in line and "Traceback" in line


def test_a_line_says_of_which_call_and_operator_it_is(tmp_path: Path) -> None:
    found = lines(tmp_path, "info")
    assert len(found) == 11, "nothing below the level is written"
    for call in ("a", "b"):
        began, talks, over = (line for line in found if f" call={call}" in line)
        assert "event=begun" in began and "operator" not in began
        assert "event=talks" in talks and "operator=1001" in talks
        assert "event=over" in over
    assert all("call=" not in line for line in found if "logger=" in line)


@pytest.mark.parametrize(("level", "count"), [("warning", 8), ("error", 4)])
def test_nothing_below_the_level_is_written(tmp_path: Path, level: str, count: int) -> None:
    assert len(lines(tmp_path, level)) == count


def test_an_unknown_level_is_named_with_the_known_ones(tmp_path: Path) -> None:
    answer = command(("status",), {"HATIF_HOME": str(tmp_path), "HATIF_LOG_LEVEL": "loud", "PATH": "/bin:/usr/bin"})
    assert answer.returncode != 0
    assert all(word in answer.stderr for word in ("HATIF_LOG_LEVEL", "loud", *LEVELS))


async def test_what_an_operator_dials_is_logged_with_their_id(line: Line, telephones: Telephones) -> None:
    phone = await line.phone(telephones, line.speaks("fr"))
    seen = len(line.logged())
    dialled = await phone.dial("*112")
    await dialled.established(5)
    await dialled.ended(15)
    (logged,) = [text for text in line.logged(seen).splitlines() if "event=code " in text]
    assert f" operator={phone.user} " in logged and " code=pause" in logged
