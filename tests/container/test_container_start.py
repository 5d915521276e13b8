"""The start of a container: what fails is said, and a stop waits until the line is empty."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from line import CHECKOUT

FOLDER = CHECKOUT / "container"
PAGE = CHECKOUT / "docs" / "containers.md"

HATIF = r"""#!/bin/sh
echo "$*" >>"$HATIF_HOME/asked"
case "$*" in up) exit 0 ;; esac
test $(grep -c "^$*\$" "$HATIF_HOME/asked") -gt "$FAILURES" || { echo "the disk is full" >&2; exit 3; }
"""
"""A `hatif` that fails so often at each step, and then succeeds."""


@pytest.fixture
def container(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a container's start, in which each step fails once."""
    program, home, packages = (tmp_path / name for name in ("bin", "home", "packages"))
    for folder in (program, home / "asterisk" / "root", packages):
        folder.mkdir(parents=True)
    (packages / "hatif-install.json").write_text("another release")
    (program / "hatif").write_text(HATIF)
    (program / "hatif").chmod(0o755)
    return {
        "PATH": f"{program}:{os.environ['PATH']}",
        "HATIF_HOME": str(home),
        "HATIF_ASTERISK_PACKAGES": str(packages),
        "HATIF_START_AGAIN_S": "1",
        "FAILURES": "1",
    }


def test_what_fails_at_the_start_is_said_with_what_to_do_and_keeps_no_line_down_that_can_serve_calls(
    container: dict[str, str],
) -> None:
    done = subprocess.run((FOLDER / "start",), env=container, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    asked = (Path(container["HATIF_HOME"]) / "asked").read_text().splitlines()
    assert asked == ["asterisk upgrade", "setup --no-database", "setup --no-database", "db upgrade", "up"]
    reason, asterisk, _, setup, _, database = done.stderr.splitlines()
    assert reason == "the disk is full"
    assert asterisk.startswith("start: this image's Asterisk could not be installed (the reason is above)")
    assert "the line starts with the former one" in asterisk
    assert setup.startswith("start: the line is not up: `hatif setup` failed with status 3 (the reason is above).")
    assert "It is tried again in 1 s." in setup and "`podman compose exec line hatif check`" in setup
    assert database.startswith("start: the database's tables are not upgraded (the reason is above)")
    page = 'containers.md, "When it does not start"'
    assert (
        all(page in line for line in (asterisk, setup, database))
        and "\n## When it does not start\n" in PAGE.read_text()
    )


def test_a_container_that_cannot_start_stays_and_ends_at_once_when_it_is_stopped(container: dict[str, str]) -> None:
    with subprocess.Popen((FOLDER / "start",), env=container | {"FAILURES": "99"}, stderr=subprocess.PIPE) as started:
        assert started.stderr is not None
        for _ in range(6):  # it has waited at least once
            assert started.stderr.readline()
        assert started.poll() is None
        started.terminate()
        assert started.wait(5) == 143


UP = r"""#!/bin/sh
echo "$*" >>"$HATIF_HOME/asked"
case "$*" in
up)
    trap "exit 7" TERM
    : >"$HATIF_HOME/is up"
    while :; do sleep 0.1; done
    ;;
"status --json") echo " \"drained\": $(cat "$HATIF_HOME/drained" 2>/dev/null || echo null)," ;;
"drain --within 600") test ! -e "$HATIF_HOME/calls" || while :; do sleep 0.1; done ;;
esac
"""
"""A `hatif` whose line runs until it is told to end. With `calls` in its home it never becomes empty."""


@pytest.fixture
def up(container: dict[str, str]) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """Start a container whose line is up; yield its home and its start."""
    program = Path(container["PATH"].partition(":")[0]) / "hatif"
    program.write_text(UP)
    home = Path(container["HATIF_HOME"])
    environment = container | {"HATIF_DRAIN_S": "600"}
    with subprocess.Popen((FOLDER / "start",), env=environment, stderr=subprocess.PIPE, text=True) as started:
        appears(home / "is up")
        yield home, started
        started.kill()


def appears(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def asked(home: Path) -> list[str]:
    return (home / "asked").read_text().splitlines()


def test_a_stop_waits_until_the_line_is_empty_and_the_next_container_takes_calls_again(
    up: tuple[Path, "subprocess.Popen[str]"], container: dict[str, str]
) -> None:
    home, started = up
    started.terminate()
    assert started.wait(30) == 7, "the line ended as it was told"
    assert asked(home)[-3:] == ["up", "status --json", "drain --within 600"]
    mark = home / "drained-by-start"
    assert mark.exists()
    (home / "is up").unlink()
    with subprocess.Popen((FOLDER / "start",), env=container, stderr=subprocess.PIPE) as again:
        appears(home / "is up")
        deadline = time.monotonic() + 30
        while mark.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "drain --end" in asked(home)
        again.terminate()
        assert again.wait(30) == 7
    assert asked(home)[-1] != "drain --within 600", "without HATIF_DRAIN_S a stop waits for nobody"


def test_a_second_signal_ends_the_line_at_once(up: tuple[Path, "subprocess.Popen[str]"]) -> None:
    home, started = up
    (home / "calls").touch()
    started.terminate()
    assert started.stderr is not None
    while "no new calls are taken" not in started.stderr.readline():
        pass
    deadline = time.monotonic() + 30
    while "drain --within 600" not in asked(home):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert started.poll() is None
    while started.poll() is None:  # until the shell waits again, a signal is only noted
        assert time.monotonic() < deadline
        started.terminate()
        time.sleep(0.1)
    assert started.returncode == 7


def test_what_an_administrator_has_drained_stays_drained(up: tuple[Path, "subprocess.Popen[str]"]) -> None:
    home, started = up
    (home / "drained").write_text('{"by": "an administrator"}')
    started.terminate()
    assert started.wait(30) == 7 and not (home / "drained-by-start").exists()
