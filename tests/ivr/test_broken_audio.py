"""If audio is broken, callers hear the next language's, and the call continues. What is missing: test_missing_audio."""

import asyncio
from pathlib import Path

import pytest
import shared_audio
from left import begins
from line import Line
from structlog.testing import capture_logs

from ivr.audio.audible import Audible
from ivr.softphone.sound import RATE, find
from ivr.softphone.telephone import Telephones
from prompts import manifest
from prompts.manifest import Audio, Manifest


async def test_truncated_and_empty_audio_is_replaced_by_the_site_s_next_language(
    line: Line, telephones: Telephones
) -> None:
    sounds = line.home / "sounds"
    shared_audio.own(sounds, "fr")
    heard = manifest.load(sounds / manifest.FILE)
    kept: dict[str, bytes] = {}
    seen = line.log.stat().st_size
    # The files are hard links: replace them, never write into them.
    for prompt, damage in (("institution", b"\xff" * 80), ("main_file", b"\xff" * 800), ("main_operator", b"")):
        audio = heard.audio("fr", prompt)
        assert audio is not None
        for path in manifest.paths(sounds, audio.file):
            kept[str(path)] = path.read_bytes()
            path.unlink()
            path.write_bytes(damage)
    try:
        await asyncio.sleep(1.1)  # a complete file is trusted for 1 s
        call = await line.dial(telephones, "+33622000011")
        await call.press("2")
        (stand_in, *_) = line.settings.fallback_chain("fr")
        welcomed = await begins(call, line.audio(stand_in, "institution"))
        # Complete audio stays in the caller's language.
        clips = ((stand_in, "main_file"), ("fr", "key_1"), (stand_in, "main_operator"))
        await call.hears(line.sound(clips)[: len(line.sound(clips[:-1])) + RATE], 20, welcomed.offset_s)
        await call.press("0")
        await begins(call, line.audio("fr", "duty_nobody"))
        await call.hangup()
        log = line.logged(seen)
        assert log.count("Audio is missing or broken") == 3 and "fr/institution" in log
    finally:
        for name, content in kept.items():
            path = sounds / name
            path.unlink(missing_ok=True)
            path.write_bytes(content)


def test_audio_that_breaks_again_after_it_was_mended_is_logged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.audio.audible._TRUSTED_S", 0.0)
    heard = Manifest({"fr": {"goodbye": Audio("hatif/fr/goodbye-0123456789", "Au revoir.", "pico", 1.0)}})
    audible, paths = Audible(tmp_path, lambda _: ()), manifest.paths(tmp_path, "hatif/fr/goodbye-0123456789")
    with capture_logs() as logged:
        for complete in (False, False, True, False, False):
            for path in paths:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(b"\xff" * (manifest.size(path, 1.0) if complete else 80))
            assert (audible.find(heard, ("fr", "goodbye")) is not None) is complete
    assert len(logged) == 2


async def test_an_announcement_comes_after_the_name_and_before_everything_else(
    line: Line, telephones: Telephones
) -> None:
    assert line.run("hours", "announce", "emergency", "--why", "test").returncode == 0
    for key, language in (("2", "fr"), ("6", "de")):
        call = await line.dial(telephones, f"+3362200002{key}")
        await call.hears(line.audio("fr", "institution"), 12)
        await begins(call, line.audio("fr", "emergency"))  # the country's first language
        assert not find(call.heard(), line.audio("fr", "language_option")[:RATE]).same
        await call.press(key)
        await begins(call, line.audio(language, "institution"), call.clock)
        if language != "fr":
            await begins(call, line.audio(language, "emergency"), timeout_s=20)
            await call.press("#")
        await begins(call, line.audio(language, "main_file"), timeout_s=20)
        await call.hangup()
    assert line.run("hours", "announce", "off").returncode == 0
    call = await line.dial(telephones, "+33622000029")
    await begins(call, line.audio("fr", "language_option"))
    assert not find(call.heard(), line.audio("fr", "emergency")[:RATE]).same
    await call.hangup()
