"""Which Asterisk is used, and the messages if there is none."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asterisk_example import Quiet, example, installation, shared_home

from asterisk_conf import instance
from asterisk_conf.conf import write
from asterisk_conf.errors import AsteriskError
from asterisk_conf.install import find_or_install
from asterisk_conf.modules import MODULES


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def refusal(home: Path) -> str:
    with pytest.raises(AsteriskError) as error:
        find_or_install(home, Quiet())
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "version",
    ["Asterisk 18.26.4", "Asterisk 20.14.3", "Asterisk 21.9.0", "Asterisk 22.4.1", "Asterisk certified/20.7-cert4"],
)
def test_an_asterisk_that_is_too_old_is_refused(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_ASTERISK", str(script(tmp_path / "sbin/asterisk", f"echo '{version}'")))
    assert "20.15, 21.10, 22.5 or newer is needed" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["echo hello", "echo Asterisk GIT-master-1a2b3c", "exit 3"])
def test_a_program_that_is_not_an_asterisk_release_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATIF_ASTERISK", str(script(tmp_path / "sbin/asterisk", text)))
    assert "is not an Asterisk version" in refusal(tmp_path)


def test_a_configured_program_that_does_not_exist_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_ASTERISK", str(tmp_path / "asterisk"))
    assert "is not an executable program" in refusal(tmp_path)


def test_missing_modules_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = administrators_own(tmp_path)
    modules = tmp_path / "lib/asterisk/modules"
    modules.unlink()
    modules.mkdir()
    for name, _ in MODULES:
        if name not in ("res_ari", "app_queue"):
            (modules / f"{name}.so").touch()
    monkeypatch.setenv("HATIF_ASTERISK", str(own))
    assert "lacks the modules res_ari, app_queue: install them in" in refusal(tmp_path)


def administrators_own(prefix: Path) -> Path:
    """Create an Asterisk in the layout of `make install` from the shared one."""
    shared = installation()
    for path, target in (("lib/asterisk/modules", shared.module_dir), ("var/lib/asterisk", shared.data_dir)):
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).symlink_to(target)
    command = " ".join(f"'{part}'" for part in shared.program)
    return script(prefix / "sbin/asterisk", f'exec {command} "$@"')


async def test_an_administrator_s_own_asterisk_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = administrators_own(tmp_path / "own")
    monkeypatch.setenv("HATIF_ASTERISK", str(own))
    found = find_or_install(tmp_path / "home", Quiet())
    assert (found.kind, found.program, found.version) == ("named", (str(own),), installation().version)
    conf = example(tmp_path / "home", installation=found, ports=example(tmp_path).ports.with_offset(11000))
    write(conf)
    (conf.etc / "extensions.conf").write_text("[hatif-carrier]\n")
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *instance.command(conf), env=instance.environment(), stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        assert await instance.ready(conf), instance.check_log(conf)
    finally:
        process.terminate()
        await process.wait()


def test_a_private_asterisk_is_found_again_without_any_network(monkeypatch: pytest.MonkeyPatch) -> None:
    if installation().kind != "private":
        pytest.skip("this machine's own Asterisk is used")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", "http://127.0.0.1:9/debian")
    progress = Quiet()
    assert find_or_install(shared_home(), progress) == installation()
    assert progress.steps == []


@pytest.fixture
def no_asterisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a machine without Asterisk."""
    monkeypatch.delenv("HATIF_ASTERISK", raising=False)
    monkeypatch.setattr("asterisk_conf.install._USUAL_PLACES", ("/nowhere/asterisk",))
    if Path("/usr/sbin/asterisk").exists():
        monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.mark.usefixtures("no_asterisk")
@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="this machine has no apt")
@pytest.mark.parametrize(
    "mirror",
    [
        "file:/nowhere/debian",
        pytest.param("http://127.0.0.1:9/debian", marks=pytest.mark.long),
    ],  # apt tries three times
)
def test_an_unreachable_mirror_is_reported_with_its_address(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", mirror)
    message = refusal(tmp_path)
    assert mirror in message and "HATIF_DEBIAN_MIRROR" in message
    assert not (tmp_path / "asterisk/root").exists()


@pytest.mark.usefixtures("no_asterisk")
def test_a_mirror_that_is_not_an_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_DEBIAN_MIRROR", "deb.debian.org [trusted=yes]")
    assert "give an address such as http://deb.debian.org/debian" in refusal(tmp_path)


@pytest.mark.usefixtures("no_asterisk")
def test_on_a_machine_without_apt_the_message_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "This machine has no apt-get" in refusal(tmp_path)


@pytest.mark.usefixtures("no_asterisk")
def test_on_an_unsupported_processor_the_message_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "riscv64" in refusal(tmp_path)


@pytest.mark.usefixtures("no_asterisk")
def test_a_path_that_the_dynamic_linker_cannot_handle_is_refused(tmp_path: Path) -> None:
    assert "choose a path without" in refusal(tmp_path / "a:b")


@pytest.mark.long
@pytest.mark.usefixtures("no_asterisk")
def test_a_killed_installation_is_completed_by_two_processes_at_once(tmp_path: Path) -> None:
    """Needs a Debian mirror and 600 MB."""
    program = (
        "import sys; from pathlib import Path; from asterisk_example import Quiet;"
        "from asterisk_conf.install import find_or_install; print(find_or_install(Path(sys.argv[1]), Quiet()).kind)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    unfinished = tmp_path / "asterisk/root.new"
    with subprocess.Popen(command, env=environment) as first:
        while not unfinished.exists() and first.poll() is None:
            time.sleep(0.05)
        time.sleep(1)
        first.kill()
    assert unfinished.exists() and not (tmp_path / "asterisk/root").exists()
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in both] == ["private\n", "private\n"]
    assert sorted(path.name for path in (tmp_path / "asterisk").iterdir()) == ["install.lock", "root"]
