"""Monitoring knows the site as the controller read it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.monitoring import facts
from cli.monitoring.facts import FactsReader
from ivr.model import clock
from ivr.process.process import ProcessInfo
from ivr.site.findings import Finding, SiteError


class Parts(SimpleNamespace):
    """What is read here of a line's parts; `broken`: its site is half written."""

    def __init__(self, home: Path, *, broken: bool = False) -> None:
        super().__init__(settings=SimpleNamespace(home=home, run=home / "run"), operators=(), credentials=None)
        self._broken = broken

    @property
    def site(self) -> Any:
        if self._broken:
            raise SiteError(Finding("E_SITE", "site.toml", 1, "it is half written", "correct it"))
        return SimpleNamespace(
            node="node1", desk=SimpleNamespace(enabled=False), speech=SimpleNamespace(menus=False, messages=False)
        )


def controller(pid: int, *, alive: bool = True) -> dict[str, ProcessInfo]:
    return {"ivr": ProcessInfo(pid, clock.now(), alive, 1.0, False)}


def test_an_edit_of_the_site_counts_once_the_controller_has_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = controller(1)
    monkeypatch.setattr(facts, "processes", lambda _: running)
    files: Any = Parts(tmp_path)
    reader = FactsReader(files, lambda: files)
    reader.renew()

    before, files = files, Parts(tmp_path)
    reader.renew()
    assert reader.parts is before
    running = controller(1, alive=False)
    reader.renew()
    assert reader.parts is before
    running = controller(2)
    reader.renew()
    assert reader.parts is files


def test_a_site_that_is_half_written_leaves_the_former_one_and_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "processes", lambda _: controller(2))
    before: Any = Parts(tmp_path)
    files: Any = Parts(tmp_path, broken=True)
    reader = FactsReader(before, lambda: files)
    reader.renew()
    assert reader.parts is before
    files = Parts(tmp_path)
    reader.renew()
    assert reader.parts is files
