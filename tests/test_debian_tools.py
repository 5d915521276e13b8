"""What the tests take from Debian is unpacked once, however many of them begin with it, and is not the machine's."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debian_tools
import pytest

from asterisk_conf import apt
from asterisk_conf.debian import Wanted


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which packages were unpacked, which are empty."""
    folders = list[Path]()

    def unpack(folder: Path, root: Path, *_: object) -> None:
        folders.append(folder)
        time.sleep(0.2)
        root.mkdir()
        (root / apt.MARKER).touch()

    monkeypatch.setattr(apt, "unpack", unpack)
    return folders


def test_processes_that_want_the_same_packages_wait_for_the_first(tmp_path: Path, unpacked: list[Path]) -> None:
    wanted = Wanted("Small", "do without", ("small",), 1)
    with ThreadPoolExecutor(3) as threads:
        roots = list(threads.map(lambda _: debian_tools.tree(wanted, tmp_path / "small"), range(3)))
    assert (roots, len(unpacked)) == (3 * [tmp_path / "small/root"], 1)


def test_a_program_that_the_machine_has_is_brought_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacked: list[Path]
) -> None:
    monkeypatch.setattr(debian_tools, "CACHE", tmp_path)
    tool = debian_tools.find("dash", "usr/bin/sh")
    assert Path("/usr/bin/sh").exists() and unpacked == [tmp_path / "dash/apt"]
    assert tool.root == tmp_path / "dash/root" and tool.command[-1] == str(tool.root / "usr/bin/sh")
