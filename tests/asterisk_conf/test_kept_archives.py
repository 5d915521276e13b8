"""The archives of an installation are kept, so that it can be made again exactly, without a mirror."""

import json
import shutil
from pathlib import Path

import pytest
from asterisk_example import Quiet
from small_mirror import SMALL, archive, lock

from asterisk_conf import apt, kept_archives, package_lock
from asterisk_conf.debian import Wanted
from asterisk_conf.errors import AsteriskError
from asterisk_conf.package_lock import LockedPackage

pytestmark = pytest.mark.skipif(not Path("/usr/lib/apt/apt-helper").exists(), reason="this machine has no apt")

NOWHERE = "file:/nowhere/debian"


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree that was made from a mirror, with its archives. The mirror is gone."""
    mirror = tmp_path / "mirror"
    packages = [archive(mirror, "one", "1:2.3-4", "first"), archive(mirror, "two", "5", "second")]
    monkeypatch.setattr(package_lock, "FOLDER", tmp_path / "locks")
    lock(SMALL, *packages)
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", f"file:{mirror}")
    apt.unpack(tmp_path / "apt", tmp_path / "first", SMALL, Quiet(), keep=True)
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", NOWHERE)
    return tmp_path / "first"


def again(folder: Path, *kept: Path) -> list[str]:
    progress = Quiet()
    apt.unpack(folder / "apt", folder / "again", SMALL, progress, kept=kept, keep=True)
    return progress.steps


def sums(root: Path) -> object:
    return json.loads((root / apt.MARKER).read_bytes())["sha256"]


def renew(version: str) -> None:
    """Lock another version, which is nowhere."""
    lock(SMALL, LockedPackage("one", version, "pool/none.deb", 1, "0" * 64))


def test_the_same_packages_are_unpacked_again_without_a_mirror(first: Path, tmp_path: Path) -> None:
    shutil.move(first, tmp_path / "elsewhere")
    steps = again(tmp_path, tmp_path / "nothing", tmp_path / "elsewhere")
    assert any("nothing is downloaded" in step for step in steps)
    assert sums(tmp_path / "again") == sums(tmp_path / "elsewhere")
    assert [(tmp_path / "again" / name).read_text() for name in ("one", "two")] == ["first", "second"]
    assert apt.keeps_archives(tmp_path / "again")


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_kept_archives_that_are_not_whole_are_not_used(damage: str, first: Path, tmp_path: Path) -> None:
    file = first / kept_archives.FOLDER / "two_5_all.deb"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"second", b"forged") + b"x")
    with pytest.raises(AsteriskError, match="cannot be downloaded from file:/nowhere"):
        again(tmp_path, first)
    assert not (tmp_path / "again").exists()


def test_without_the_locked_packages_those_that_the_line_had_are_taken_and_it_is_said(
    first: Path, tmp_path: Path
) -> None:
    renew("1:2.4-1")
    steps = again(tmp_path, first)
    assert sums(tmp_path / "again") == sums(first)
    assert any("Taking the 2 packages in" in step for step in steps)
    assert "Small 2.3 was not tested with this Hatif, which was tested with 2.4" in steps


def test_packages_that_were_fetched_on_another_machine_are_installed(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", f"file:{tmp_path}/mirror")
    out = tmp_path / "fetched"
    for _ in range(2):  # again, over what is there
        assert apt.fetch(tmp_path / "apt", out, SMALL, Quiet()) == 2
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", NOWHERE)
    again(tmp_path, out)
    assert sums(tmp_path / "again") == sums(first)


def test_a_release_of_another_series_is_refused() -> None:
    def packages(version: str) -> list[LockedPackage]:
        return [LockedPackage("one", version, "pool/x.deb", 1, "0" * 64)]

    def check(found: str, wanted: Wanted = SMALL) -> None:
        apt._check_series(packages("1:22.10.1~dfsg+~cs6.15-1"), packages(found), "http://mirror", wanted)

    check("1:22.11.0~dfsg-1")
    with pytest.raises(AsteriskError, match=r"has Small 23\.1\.0, with which Hatif was not tested \(22\.10\.1 is\)"):
        check("1:23.1.0~dfsg-1")
    check("1:23.1.0~dfsg-1", Wanted("Small", "do without", ("one",), 1))  # a voice has no series
