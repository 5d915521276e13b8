"""Debian packages are downloaded as locked; if that is impossible, the differences are reported."""

import json
import socket
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from asterisk_example import Quiet
from small_mirror import SMALL, archive, lock

from asterisk_conf import apt, package_lock
from asterisk_conf.debian import ARCHITECTURES, ASTERISK, Wanted, machine
from asterisk_conf.errors import AsteriskError
from asterisk_conf.package_lock import LockedPackage

needs_apt = pytest.mark.skipif(not Path("/usr/lib/apt/apt-helper").exists(), reason="this machine has no apt")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with two packages and no lists: only locked packages can be downloaded from it."""
    folder = tmp_path / "mirror"
    packages = [archive(folder, "one", "1:2.3-4", "first"), archive(folder, "two", "5", "second")]
    monkeypatch.setattr(package_lock, "FOLDER", tmp_path / "locks")
    lock(SMALL, *packages)
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", f"file:{folder}")
    return folder


def unpack(folder: Path) -> list[str]:
    progress = Quiet()
    apt.unpack(folder / "apt", folder / "root", SMALL, progress)
    return progress.steps


@needs_apt
def test_exactly_the_locked_files_are_downloaded_and_recorded(mirror: Path, tmp_path: Path) -> None:
    steps = unpack(tmp_path)
    assert [(tmp_path / "root" / name).read_text() for name in ("one", "two")] == ["first", "second"]
    installed = json.loads((tmp_path / "root" / apt.MARKER).read_bytes())
    assert installed["unpacked"] == {"one": "1:2.3-4", "two": "5"}
    assert installed["sha256"]["one"] == package_lock.digest(mirror / "pool/one_2.3-4_all.deb")
    assert not any("differ from the lock" in step or "Reading the list" in step for step in steps)
    assert apt.outdated(tmp_path / "root", SMALL) == []


@needs_apt
def test_an_altered_file_of_the_mirror_is_refused(mirror: Path, tmp_path: Path) -> None:
    archive(mirror, "two", "5", "another content")
    with pytest.raises(AsteriskError, match=r"two_5_all.deb is not the locked file \(SHA-256 [0-9a-f]{64}, not"):
        unpack(tmp_path)
    assert not (tmp_path / "root").exists()


@needs_apt
def test_an_incomplete_file_is_downloaded_again(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "apt/locked").mkdir(parents=True)
    (tmp_path / "apt/locked/one_1%3a2.3-4_all.deb").write_bytes((mirror / "pool/one_2.3-4_all.deb").read_bytes()[:99])
    unpack(tmp_path)
    assert (tmp_path / "root/one").read_text() == "first"


@needs_apt
def test_a_mirror_without_the_locked_package_is_asked_for_its_current_one(mirror: Path, tmp_path: Path) -> None:
    (mirror / "pool/two_5_all.deb").unlink()
    progress = Quiet()
    with pytest.raises(AsteriskError, match="Small cannot be downloaded from file:"):  # the mirror has no suite
        apt.unpack(tmp_path / "apt", tmp_path / "root", SMALL, progress)
    assert f"file:{mirror} no longer has the locked two" in progress.steps
    assert any("from the current state of the suite sid" in step for step in progress.steps)


@needs_apt
def test_a_mirror_on_this_machine_is_accessed_without_a_proxy(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = partial(SimpleHTTPRequestHandler, directory=str(mirror))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server, socket.create_server(("127.0.0.1", 0)) as proxy:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HATIF_DEBIAN_MIRROR", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        unpack(tmp_path)
        server.shutdown()
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_differences_from_the_lock_are_listed() -> None:
    lock = [LockedPackage(name, "1", "pool/x.deb", 1, "0" * 64) for name in ("same", "newer", "gone")]
    found = {"same": "1", "newer": "2", "added": "3"}
    assert package_lock.differences(lock, found) == ["newer 2 instead of 1", "no gone", "also added 3"]


@needs_apt
def test_a_renewed_lock_is_detected(mirror: Path, tmp_path: Path) -> None:
    unpack(tmp_path)
    path = package_lock.lock_file(SMALL.name, machine().architecture)
    path.write_text(path.read_text().replace("two 5 ", "two 6 "))
    assert apt.outdated(tmp_path / "root", SMALL) == ["two 5 instead of 6"]


@pytest.mark.parametrize("line", ["one 1 pool/one.deb 12", "one 1 http://elsewhere/one.deb 12 " + "0" * 64, "\x00"])
def test_a_broken_line_of_a_lock_is_reported(line: str, tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    path.write_text(f"# Small\n\n{line}\n")
    with pytest.raises(AsteriskError, match=rf"{path}:3: .* is not 'name version pool/… size sha256'"):
        package_lock.read(path)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_repository_has_a_lock_for_everything_that_is_downloaded(architecture: str) -> None:
    packages = package_lock.read(package_lock.lock_file(ASTERISK.name, architecture))
    assert {package.name for package in packages} > {*ASTERISK.packages, "libc6"}


@pytest.mark.long
def test_a_package_that_the_mirror_no_longer_has_is_taken_from_the_suite_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Needs a Debian mirror and 200 MB."""
    monkeypatch.setattr(package_lock, "FOLDER", tmp_path)
    small = Wanted(name="Small", otherwise="do without", packages=("publicsuffix",), space=1)
    gone = LockedPackage("publicsuffix", "0.1-1", "pool/main/p/publicsuffix/publicsuffix_0.1-1_all.deb", 1, "0" * 64)
    package_lock.write(package_lock.lock_file("Small", machine().architecture), "Small", [gone])
    progress = Quiet()
    apt.unpack(tmp_path / "apt", tmp_path / "root", small, progress)
    installed = json.loads((tmp_path / "root" / apt.MARKER).read_bytes())
    version = installed["unpacked"]["publicsuffix"]
    assert any("no longer has the locked publicsuffix" in step for step in progress.steps)
    assert any(f"publicsuffix {version} instead of 0.1-1" in step for step in progress.steps)
    assert apt.outdated(tmp_path / "root", small) == []
