"""What a released change brings into use, without a line."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forked_programs import QuickStarts

from ivr.home.settings import Settings
from ivr.site_changes import programs
from ivr.site_changes.effects import Effects
from ivr.site_changes.model import EffectState


class Flows:
    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield

    async def take(self) -> str:
        return "7"


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
