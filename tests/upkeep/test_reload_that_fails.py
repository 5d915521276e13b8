"""A reload that Asterisk did not finish is found again by the next one; what can be done in spite of it is done."""

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from asterisk_conf import conf as configuration
from asterisk_conf.errors import AsteriskError
from cli.asterisk_parts import AsteriskParts
from cli.composition import ControlError
from cli.upkeep import reload
from cli.upkeep.reload_plan import Plan
from ivr.asterisk.ami import AmiError
from ivr.process.process import ProcessInfo

OLD, NEW = "[1001]\n", "[1001]\n[1999]\n"


class Asterisk:
    """A manager that is lost in the second module."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def reload(self, module: str) -> None:
        self.asked.append(module)
        if len(self.asked) > 1:
            raise AmiError("the link was lost")


FILES = {"pjsip.conf": (OLD, NEW), "queues.conf": ("", "[hatif-fr]\n")}
Reload = Callable[[Callable[[], None]], None]


@pytest.fixture
def asterisk() -> Asterisk:
    return Asterisk()


@pytest.fixture
def reloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asterisk: Asterisk) -> Reload:
    """Does a reload that writes Asterisk's files like this."""
    (tmp_path / "pjsip.conf").write_text(OLD)
    (tmp_path / "pjsip.conf").chmod(0o600)

    def run(write: Callable[[], None]) -> None:
        monkeypatch.setattr(configuration, "write", lambda _: write())
        monkeypatch.setattr(reload, "manager", lambda _: asterisk)
        parts: Any = SimpleNamespace(extensions=tmp_path / "extensions.conf")
        plan = Plan(modules=("res_pjsip.so", "app_queue.so"))
        conf: Any = SimpleNamespace(etc=tmp_path)
        reload._apply(parts, conf, plan, FILES, force=False, quiet=True)

    return run


def test_asterisks_files_are_put_back_if_it_has_not_read_all_of_them(
    tmp_path: Path, reloads: Reload, asterisk: Asterisk
) -> None:
    def write() -> None:
        for name, (_, new) in FILES.items():
            (tmp_path / name).write_text(new)

    with pytest.raises(AmiError, match="lost"):
        reloads(write)
    assert asterisk.asked == ["res_pjsip.so", "app_queue.so"]
    assert {name: (tmp_path / name).read_text() for name in FILES} == {name: old for name, (old, _) in FILES.items()}
    assert (tmp_path / "pjsip.conf").stat().st_mode & 0o777 == 0o600


def test_asterisks_files_are_put_back_if_not_all_of_them_could_be_written(
    tmp_path: Path, reloads: Reload, asterisk: Asterisk
) -> None:
    def write() -> None:
        (tmp_path / "pjsip.conf").write_text(NEW)
        raise AsteriskError("Cannot write queues.conf")

    with pytest.raises(AsteriskError, match="queues"):
        reloads(write)
    assert not asterisk.asked
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"pjsip.conf": OLD}


def test_a_controller_that_is_not_back_keeps_no_other_process_from_its_restart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = [subprocess.Popen(("sleep", "60")) for _ in range(3)]
    gone = subprocess.Popen(("true",))
    gone.wait()
    names = ("ivr", "guard", "desk", "journal")
    former = [
        (name, ProcessInfo(found.pid, datetime.now(UTC), True))
        for name, found in zip(names, (*stopped, gone), strict=True)
    ]

    def wait(_: object, name: str, __: object) -> float:
        if name in ("ivr", "desk"):
            raise ControlError(f"{name} is not back after 60 s: see {name}.log.")
        return 0.5

    monkeypatch.setattr(reload, "wait_until_back", wait)
    with pytest.raises(ControlError) as caught:
        reload._restart(cast(AsteriskParts, None), former, quiet=False)
    assert [found.wait(5) for found in stopped] == [-signal.SIGTERM] * 3
    sentence = str(caught.value)
    assert sentence.startswith(
        "ivr is not back after 60 s: see ivr.log. desk is not back after 60 s: see desk.log. All"
    )
    assert sentence.endswith("If it is not: `hatif restart ivr`, `hatif restart desk`.")
    assert "guard was restarted in 0.5 s" in capsys.readouterr().out
