"""A command in a shell without the line's variables works with that line; one with another line's changes nothing."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from line import Line

from cli.running_lines import find_home, running_homes
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine
from ivr.home.settings import SettingsError


def files(line: Line) -> dict[Path, bytes]:
    paths = [path for path in (line.home / "asterisk" / "etc").iterdir() if path.is_file()]
    return {path: path.read_bytes() for path in [*paths, line.home / "line.json"]}


def test_a_shell_that_has_forgotten_the_lines_variables_finds_its_values(line: Line) -> None:
    names = ("HATIF_PORT_OFFSET", "HATIF_SITE", "HATIF_DATABASE")
    kept = line.environment
    line.environment = {name: value for name, value in kept.items() if name not in names}
    before = files(line)
    try:
        status = line.json("status")
        # Not whether all is well: calls of the tests before may have gone unanswered.
        assert status["addresses"]["sip"] == line.sip and {"asterisk", "ivr"} <= status["processes"].keys()
        checks = {row["name"]: row["ok"] for row in status["checks"]}
        assert checks["controller"] and checks["numbers"]
        assert line.json("dialplan", "load")["changes"] == []
        assert line.run("setup").returncode == 0
    finally:
        line.environment = kept
    assert files(line) == before


def test_another_lines_variables_change_nothing_of_this_one(line: Line, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(line.site, site)
    text = (site / "site.toml").read_text()
    (site / "site.toml").write_text(text[: text.rindex("[[number]]")])  # one live number less
    before, kept = files(line), line.environment
    try:
        for name, value in (("HATIF_SITE", str(site)), ("HATIF_PORT_OFFSET", "49000")):
            line.environment = {**kept, name: value}
            for command in (["setup"], ["dialplan", "load"], ["db", "upgrade"], ["up"], ["operators"]):
                answer = line.run(*command)
                assert answer.returncode == 1 and "Traceback" not in answer.stderr
                assert answer.stderr.startswith(f"hatif: {name} is {value}, but the line in {line.home} has ")
            changed = line.run("setup", "--change")
            assert changed.returncode == 1 and f"The line in {line.home} is running" in changed.stderr
        line.environment = {**kept, "HATIF_SITE": str(site)}
        assert line.run("dialplan", "render").returncode == 0  # a draft may be looked at
    finally:
        line.environment = kept
    assert files(line) == before


async def test_a_line_that_runs_is_found_by_its_processes(line: Line, cold_starts: None) -> None:
    os.kill(line.pid("guard"), signal.SIGKILL)
    await line.until(lambda: line.home in running_homes(), 8, "the next guard is seen")


def test_a_command_without_a_home_is_meant_for_the_only_line_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.running_lines.USUAL_HOME", tmp_path / "var")
    one, other, usual = tmp_path / "one", tmp_path / "other", tmp_path / "var"
    assert (find_home([]), find_home([one])) == (usual, one)
    with pytest.raises(SettingsError, match=rf"Several lines run, in {one}, {other}: set HATIF_HOME to the one"):
        find_home([other, one])
    line_settings.write(usual, KeptLine(0))
    assert find_home([other, one]) == usual
