"""Slow voices beside a running line: a call hears one voice to its end, and nothing is spoken while a call is up."""

import asyncio
import json
import os
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import shared_audio
from line import Line
from shell import command

from cli.composition import Composition
from cli.prompts import slow_voices
from cli.prompts.slow_voices import _calls_are_up, wanted_clips
from ivr.softphone.sound import RATE, find
from ivr.softphone.telephone import Telephones
from prompts import audio, clip_archive
from prompts.background_pause import PausingVoices
from prompts.clip_store import ClipStore
from prompts.voices import VOICES
from prompts.voices.process import VoicePool

VOICE = "piper:tone.onnx"
LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")


def hum() -> audio.Sound:
    """Return what this voice says, whatever the text is: a short sound that resembles none of our voices."""
    at = np.arange(round(0.45 * 48_000)) / 48_000
    pitch = 400 + 150 * np.sin(2 * np.pi * 3 * at)
    wave = np.sin(2 * np.pi * np.cumsum(pitch) / 48_000) * (0.55 + 0.45 * np.sin(2 * np.pi * 5 * at))
    silence = np.zeros(4_800)
    return audio.finish(np.concatenate([silence, 0.3 * wave, silence]).astype(np.float32), 48_000)


@pytest.fixture
def spoken(line: Line, words: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with all French clips of a slow voice, which the line's site is to have."""
    toml = line.site / "site.toml"
    voices = "\n".join(f'{language} = "{VOICE if language == "fr" else "quick"}"' for language in LANGUAGES)
    toml.write_text(toml.read_text().replace("[hours]\n", f"[voices]\n{voices}\n\n[hours]\n", 1))
    # The model never speaks: everything that it would say is in the archive.
    model = line.home / "voices" / "piper" / "tone.onnx"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.touch()
    Path(f"{model}.json").write_text(json.dumps({"language": {"family": "fr"}}))
    environment = line.environment | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    del environment["HATIF_VOICES"]
    monkeypatch.setattr(line, "environment", environment)
    # They have tests of their own, and take seconds.
    monkeypatch.setattr(slow_voices, "limits_broken", lambda *_: iter(()))
    shared_audio.own(line.home / "sounds")
    with patch.dict(os.environ, environment, clear=True):
        first, *others = dict.fromkeys(clip.name for clip in wanted_clips(Composition())["fr"].values())
    store = ClipStore(tmp_path / "elsewhere")
    store.add(first, hum())
    for clip in others:
        for made, path in zip(store.paths(first), store.paths(clip), strict=True):
            path.parent.mkdir(exist_ok=True)
            os.link(made, path)
    clip_archive.export(store, [first, *others], tmp_path / "voices.tar")
    return tmp_path / "voices.tar"


async def test_a_call_over_the_switch_of_a_language_hears_one_voice_and_the_next_call_the_other(
    line: Line, spoken: Path, telephones: Telephones
) -> None:
    question, goodbye = line.audio("fr", "survey_question"), line.audio("fr", "goodbye")
    phone = await line.phone(telephones, line.speaks("fr"), answers=1870.0)
    early = await line.asks_for_operator(telephones, "+33612000221")
    await line.until_state(phone.user, "talking")
    imported = await asyncio.to_thread(command, ["prompts", "import", str(spoken)], line.environment)
    assert "New calls in fr hear the slow voice." in imported.stdout, imported.stderr
    slow = line.audio("fr", "survey_question")
    assert not find(question, slow).same

    since_s = early.clock
    await phone.calls[-1].hangup()
    await early.hears(question[: 3 * RATE], since_s=since_s)
    late = await line.dial(telephones, "+33612000222")
    await late.press("2")
    await late.hears(slow)
    await early.press("5")
    await early.hears(goodbye, since_s=since_s)
    assert not find(early.heard(), slow).same
    await early.ended()
    await late.hangup()


async def test_the_background_pauses_for_a_call_and_goes_on_after_it(
    line: Line, telephones: Telephones, record_property: Callable[[str, object], None]
) -> None:
    """How soon it does is reported."""
    with patch.dict(os.environ, line.environment, clear=True):
        parts = Composition()
    paused: queue.SimpleQueue[bool] = queue.SimpleQueue()
    over = threading.Event()
    with VoicePool(20) as pool:
        with PausingVoices(pool, partial(_calls_are_up, parts), paused.put) as voices:

            def speak() -> None:
                while not over.wait(0.1):
                    voices.speak(VOICES["fr"], "Bonjour.")

            speaking = asyncio.get_running_loop().run_in_executor(None, speak)
            try:
                began = time.monotonic()
                call = await line.dial(telephones, "+33612000223")
                assert await asyncio.to_thread(paused.get, timeout=10) is True
                took = round(time.monotonic() - began, 2)
                record_property("from dialling until the background pauses, s", took)
                await call.hangup()
                assert await asyncio.to_thread(paused.get, timeout=10) is False
            finally:
                over.set()
        await speaking
