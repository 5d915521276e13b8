"""What a released change brings into use, without a line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forked_programs import QuickStarts

from ivr.home.settings import Settings
from ivr.site_changes import effects as effects_module
from ivr.site_changes import programs
from ivr.site_changes.effects import Effects
from ivr.site_changes.model import EffectState


class Flows:
    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield

    def __init__(self, noticed: Callable[[], bool] = lambda: False) -> None:
        self.is_all_in_use, self._noticed = False, noticed

    async def take(self) -> str:
        return "7"

    async def is_complete(self) -> bool:
        return self.is_all_in_use

    async def is_noticed(self) -> bool:
        return self._noticed()


async def test_the_audio_is_built_once_although_the_reload_restarts_the_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "sys", QuickStarts())
    effects = Effects(Settings(home=tmp_path / "home", site=tmp_path / "nowhere", offset=0), Flows())
    wanted = effects.needed(["operators.csv"])
    (tmp_path / "reload.json").write_text(json.dumps({"later": {}}))  # of the former controller
    first = await effects.bring(wanted, ["operators.csv"], tmp_path)
    said = tmp_path / "audio.said"
    assert first.state is EffectState.DONE and first.version == "7"
    assert first.detail == said.read_text() != ""  # there is no site
    said.write_text("One text has a problem.")
    assert (await effects.bring(wanted, ["operators.csv"], tmp_path)).detail == "One text has a problem."


@pytest.mark.parametrize(("looks", "moment_s", "disturbed"), [(2, 30.0, False), (None, 0.2, True)])
async def test_a_restart_waits_for_a_moment_in_which_nobody_notices_it_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int | None, moment_s: float, disturbed: bool
) -> None:
    monkeypatch.setattr(effects_module, "_LOOK_S", 0.01)
    monkeypatch.setattr(effects_module, "_MOMENT_S", moment_s)
    asked: list[bool] = []
    at_reload: list[bool] = []

    def noticed() -> bool:
        asked.append(looks is None or len(asked) < looks)
        return asked[-1]

    async def reload(_: Settings, out: Path, *words: str) -> None:
        assert words == ("reload", "--json")
        at_reload.append(asked[-1])
        await asyncio.to_thread(out.write_text, json.dumps({"later": {}}))

    monkeypatch.setattr(effects_module, "run_detached", reload)
    (tmp_path / "audio.said").write_text("")
    settings = Settings(home=tmp_path / "home", site=tmp_path / "nowhere", offset=0)
    effects = Effects(settings, Flows(noticed))
    done = await effects.bring(effects.needed(["operators.csv"]), ["operators.csv"], tmp_path)
    assert done.state is EffectState.DONE
    assert at_reload == [disturbed] and len(asked) > 2


async def test_nothing_is_restarted_for_values_that_a_running_controller_has_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reload(*_: object) -> None:
        raise AssertionError("nothing has to be reloaded")

    monkeypatch.setattr(effects_module, "run_detached", reload)
    (tmp_path / "audio.said").write_text("")
    flows = Flows(lambda: True)
    flows.is_all_in_use = True
    effects = Effects(Settings(home=tmp_path / "home", site=tmp_path / "nowhere", offset=0), flows)
    done = await effects.bring(effects.needed(["site.toml"]), ["site.toml"], tmp_path)
    assert (done.state, done.detail) == (EffectState.DONE, "")
