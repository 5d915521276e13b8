"""What the tests take from Debian is unpacked once, however many of them begin with it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debian_tools
import pytest

from asterisk_conf import apt
from asterisk_conf.debian import Wanted


def test_processes_that_want_the_same_packages_wait_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = list[Path]()

    def unpack(folder: Path, root: Path, *_: object) -> None:
        unpacked.append(folder)
        time.sleep(0.2)
        root.mkdir()
        (root / apt.MARKER).touch()

    monkeypatch.setattr(apt, "unpack", unpack)
    wanted = Wanted("Small", "do without", ("small",), 1)
    with ThreadPoolExecutor(3) as threads:
        roots = list(threads.map(lambda _: debian_tools.tree(wanted, tmp_path / "small"), range(3)))
    assert (roots, len(unpacked)) == (3 * [tmp_path / "small/root"], 1)
