"""`hatif asterisk upgrade`: another release takes the place of the private Asterisk when nobody is on the line, and the
former one comes back if the line does not serve calls with it."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from conftest import LONE_OFFSET, short_folder
from debian_tools import Silent
from line import CACHE, Line
from small_mirror import archive, lock

from asterisk_conf import apt, kept_archives, package_lock
from asterisk_conf.debian import ASTERISK, machine
from asterisk_conf.exchange import Exchange
from cli import asterisk
from cli.asterisk_parts import AsteriskParts
from dialplan.findings import DialplanError
from ivr.softphone.telephone import Telephones

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/usr/lib/apt/apt-helper").exists(), reason="this machine has no apt"),
]


class Releases:
    """A mirror with releases that are the tests' Asterisk, each with a file that tells it from the others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lock(self, version: str, *, broken: bool = False) -> None:
        """Lock a release; `broken`: its SIP module cannot be loaded."""

        def fill(tree: Path) -> None:
            _copy(CACHE / "asterisk" / "root", tree)
            (tree / "release").write_text(version)
            if broken:
                module = tree / "usr/lib" / machine().triplet / "asterisk/modules/res_pjsip.so"
                module.unlink()  # it is a link to the one in the cache
                module.write_bytes(b"")

        shutil.rmtree(self.folder / "trees", ignore_errors=True)
        lock(ASTERISK, archive(self.folder, "asterisk", version, fill, options=("-Znone",)))


def _copy(tree: Path, to: Path) -> None:
    """Copy a tree as links to the same files."""
    subprocess.run(["cp", "-al", f"{tree.resolve()}/.", str(to)], check=True)
    for name in (apt.MARKER, kept_archives.FOLDER):
        path = to / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@pytest.fixture
async def own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Line, Releases]]:
    """A line with an Asterisk of its own, of release 1, and release 2 locked."""
    monkeypatch.setattr(package_lock, "FOLDER", tmp_path / "locks")
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", f"file:{tmp_path}/mirror")
    releases = Releases(tmp_path / "mirror")
    with short_folder("hatif-upgrade-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        del line.environment["HATIF_INSTALL"]
        line.environment["HATIF_DEBIAN_MIRROR"] = os.environ["HATIF_DEBIAN_MIRROR"]
        root = line.home / "asterisk" / "root"
        root.parent.mkdir(parents=True)
        releases.lock("1:22.9.1-1")
        apt.unpack(line.home / "asterisk" / "apt", root, ASTERISK, Silent(), keep=True)
        releases.lock("1:22.9.2-1")
        try:
            await line.up()
            yield line, releases
        finally:
            await line.down()


def release(line: Line, tree: str = "root") -> str:
    return (line.home / "asterisk" / tree / "release").read_text()


async def test_a_release_is_replaced_when_the_line_is_idle_and_one_that_does_not_serve_calls_is_taken_back(
    own_line: tuple[Line, Releases], telephones: Telephones, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, releases = own_line
    call = await line.dial(telephones, "+33656000031")
    refused = await asyncio.to_thread(line.run, "asterisk", "upgrade")
    assert refused.returncode == 1 and "would cut off 1 caller" in refused.stderr, refused
    assert release(line) == "1:22.9.1-1"

    waiting = asyncio.create_task(asyncio.to_thread(line.run, "asterisk", "upgrade", "--when-idle", "--within", "60"))
    await asyncio.sleep(4)
    assert not waiting.done() and release(line) == "1:22.9.1-1"
    await call.hangup()
    done = await waiting
    assert done.returncode == 0 and "packages were replaced" in done.stdout, done
    assert (release(line), release(line, "root.former")) == ("1:22.9.2-1", "1:22.9.1-1")
    await (await line.dial(telephones, "+33656000032")).hangup()
    assert "already the one" in (await asyncio.to_thread(line.run, "asterisk", "upgrade")).stdout

    back = await asyncio.to_thread(line.run, "asterisk", "upgrade", "--back", "--when-idle", "--within", "20")
    assert back.returncode == 0, back
    assert (release(line), release(line, "root.former")) == ("1:22.9.1-1", "1:22.9.2-1")

    monkeypatch.setattr(asterisk, "_MODULES_S", 5)
    releases.lock("1:22.9.3-1", broken=True)
    broken = await asyncio.to_thread(line.run, "asterisk", "upgrade", "--when-idle", "--within", "20")
    assert broken.returncode == 1 and "is back, and serves calls" in broken.stderr, broken
    assert release(line) == "1:22.9.1-1"
    await (await line.dial(telephones, "+33656000033")).hangup()
    assert "There is no former Asterisk" in (await asyncio.to_thread(line.run, "asterisk", "upgrade", "--back")).stderr


def test_a_configuration_that_cannot_be_written_ends_nothing_and_leaves_the_release_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse() -> None:
        raise DialplanError("no")

    def end_and_wait(*_: object, before: Callable[[], None], **__: object) -> float:
        before()
        raise AssertionError("Asterisk was ended")

    monkeypatch.setattr(asterisk, "_configure", refuse)
    monkeypatch.setattr("cli.upkeep.restart.end_and_wait", end_and_wait)
    did: list[str] = []
    with pytest.raises(DialplanError):
        asterisk._exchange(
            AsteriskParts(bound=False),
            tmp_path,
            Exchange("1", "2", 1),
            lambda _: did.append("put"),
            lambda _: did.append("undone"),
            when_idle=True,
            now=False,
            within_s=None,
        )
    assert did == ["put", "undone"]
