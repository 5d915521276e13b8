"""Logs, ours and Asterisk's, have a limited size however long a process runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from line import Line

from ivr.home.log_files import LOG_LIMIT, LOGS_KEPT

PROGRAM = """
import logging, os, sys
from pathlib import Path
import structlog
from ivr.home import log_files, logs
log_files.LOG_LIMIT = 2000
logs.configure("rabat-1", Path(sys.argv[1]))
log = structlog.get_logger()
for number in range(300):
    log.info("said", number=number)
    logging.warning("warned %d", number)
    os.write(1, b"printed %d\\n" % number)
"""


def written(folder: Path, log: Path) -> list[Path]:
    """Return all files after a program has written to `log`, newest first."""
    folder.mkdir(exist_ok=True)
    with log.open("ab") as output:
        subprocess.run([sys.executable, "-c", PROGRAM, folder], stdout=output, stderr=output, check=True)
    return sorted(folder.iterdir())


def test_a_log_is_rotated_while_its_process_runs_and_no_line_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    files = written(folder, folder / "ivr.log")
    assert [path.name for path in files] == ["ivr.log", *(f"ivr.log.{n}" for n in range(1, LOGS_KEPT + 1))]
    assert all(path.stat().st_size < 2500 and path.stat().st_mode & 0o077 == 0 for path in files[:1])
    text = "".join(path.read_text() for path in reversed(files))
    for pattern in (r"said .*number=(\d+)", r"warned (\d+)", r"printed (\d+)"):
        numbers = [int(found) for found in re.findall(pattern, text)]
        assert numbers == list(range(numbers[0], 300)), pattern
        assert len(numbers) > 20


def test_a_foreign_file_is_not_touched(tmp_path: Path) -> None:
    assert written(tmp_path / "log", tmp_path / "mine.log") == []
    assert (tmp_path / "mine.log").read_text().count("\n") == 900


async def test_asterisk_rotates_its_logs_while_it_runs_and_keeps_only_some(line: Line) -> None:
    folder = line.home / "asterisk" / "log"
    log = folder / "security.log"
    for number in range(LOGS_KEPT + 2):
        folder.joinpath(f"security.log.{number}").write_text(f"older {number}\n")
    with log.open("ab") as file:
        file.truncate(LOG_LIMIT + 1)
    await line.until(lambda: not log.exists() or log.stat().st_size < LOG_LIMIT, 15, "the log was put aside")
    await line.until(lambda: len(list(folder.glob("security.log.*"))) == LOGS_KEPT, 5, "the oldest are gone")
    assert folder.joinpath("security.log.0").stat().st_size > LOG_LIMIT
    assert folder.joinpath("security.log.1").read_text() == "older 0\n"
    assert "LoggerRotate" not in line.logged()


async def test_asterisk_opens_its_logs_anew_after_they_were_renamed(line: Line) -> None:
    folder = line.home / "asterisk" / "log"
    log = folder / "asterisk.log"
    log.touch()
    before = log.rename(folder / "asterisk.log-renamed").stat().st_ino
    answer = line.run("asterisk", "reopen-logs")
    assert answer.returncode == 0, answer.stderr
    await line.until(lambda: log.exists() and log.stat().st_ino != before, 5, "the new log")


RENAMED = """
import os, sys
from pathlib import Path
import structlog
from ivr.home import logs
logs.configure("rabat-1", Path(sys.argv[1]))
log = structlog.get_logger()
log.info("before")
Path(sys.argv[1], "ivr.log").rename(Path(sys.argv[1], "ivr.log-1"))
log.info("after")
os.write(1, b"printed\\n")
"""


def test_a_log_that_logrotate_has_renamed_is_opened_anew_at_the_next_line(tmp_path: Path) -> None:
    with (tmp_path / "ivr.log").open("ab") as output:
        subprocess.run([sys.executable, "-c", RENAMED, tmp_path], stdout=output, stderr=output, check=True)
    assert "event=before" in (tmp_path / "ivr.log-1").read_text()
    text = (tmp_path / "ivr.log").read_text()
    assert "event=after" in text and "printed" in text and "before" not in text


UNWRITABLE = """
import logging, os, sys
from pathlib import Path
import structlog
from ivr.home import logs
folder = Path(sys.argv[1])
logs.configure("rabat-1", folder)
log = structlog.get_logger()
def say():
    for number in range(300):  # more than what Python keeps in memory of a file
        log.info("said", number=number, more="x" * 100)
        logging.warning("warned %d", number)
    try:
        raise ValueError("a fault")
    except ValueError:
        log.exception("failed")
exec(sys.argv[2])
(folder / "alive").touch()
os._exit(7)
"""


def survives(folder: Path, output: int, what: str) -> bool:
    """Return whether a process whose standard error is `output` comes to its end while it logs."""
    program = [sys.executable, "-c", UNWRITABLE, str(folder), what]
    return subprocess.run(program, stdout=output, stderr=output, check=False).returncode == 7


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "log"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_no_process_ends_by_a_log_line_on_a_full_disk_and_it_writes_again_once_there_is_room(small_disk: Path) -> None:
    freed = "say(); (folder / 'filler').unlink(); log.info('there is room')"
    (small_disk / "filler").write_bytes(bytes(32768))
    with (small_disk / "ivr.log").open("ab") as file:
        assert survives(small_disk, file.fileno(), freed)
    assert 'event="there is room"' in (small_disk / "ivr.log").read_text()


@pytest.mark.parametrize(
    "what",
    [
        "import shutil; shutil.rmtree(folder); say(); folder.mkdir()",
        "os.close(2); say()",
        "sys.stderr.close(); say()",
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); say()",
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 2); say()",
    ],
    ids=["the folder is gone", "closed", "closed by Python", "no larger file", "always full"],
)
def test_no_process_ends_by_a_log_line_whatever_becomes_of_its_file(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    with (folder / "ivr.log").open("ab") as file:
        assert survives(folder, file.fileno(), what)


def test_no_process_ends_by_a_log_line_when_nobody_reads_any_more(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    assert survives(tmp_path, writes, "say()")
    os.close(writes)
