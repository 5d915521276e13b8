"""A voice with which callers would listen longer than the site allows is not used, and the limit is named."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prompt_sites import speech
from trial_stage import CONSULATE, stage

from ivr.site import site as sites
from ivr.trial.voice_gate import limits_broken
from prompts import audio, files, manifest
from prompts.manifest import Audio, Manifest

SITE = sites.load(CONSULATE)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a clip as loud as all others."""
    sounds = tmp_path_factory.mktemp("sounds")
    samples = speech(2.0).astype("float32")
    files.write_sound(sounds, "hatif/fr/clip", audio.finish(samples, 48_000))
    return manifest.paths(sounds, "hatif/fr/clip")[0]


def heard(seconds: float) -> Manifest:
    """Return audio in which each text lasts so long, and a digit half a second."""
    imagined = stage().version.sounds

    def lasts(prompt: str) -> float:
        return 0.5 if prompt.startswith("digit_") else seconds

    return Manifest(
        {
            language: {prompt: replace(of, source="quick", seconds=lasts(prompt)) for prompt, of in prompts.items()}
            for language, prompts in imagined.prompts.items()
        }
    )


def broken(clip: Path, seconds: Mapping[str, float], before: Manifest, language: str = "fr") -> list[str]:
    """Return what a voice breaks that speaks these texts in these seconds."""
    new = {
        (language, prompt): Audio(f"hatif/{language}/{prompt}", "", "slow", lasts) for prompt, lasts in seconds.items()
    }
    paths = {of.file: clip for of in new.values()}
    return list(limits_broken(language, new, paths, before, CONSULATE, SITE))


def test_a_voice_that_keeps_all_limits_passes(clip: Path) -> None:
    before = heard(0.6)
    assert broken(clip, dict.fromkeys(before.prompts["fr"], 0.5), before) == []


def test_a_text_that_lasts_too_long_is_named(clip: Path) -> None:
    assert broken(clip, {"goodbye": 12.2}, heard(0.6)) == ["goodbye lasts 12.2 s; longest_text_s is 12"]


def test_slow_digits_are_named(clip: Path) -> None:
    digits = {f"digit_{digit}": 0.8 for digit in range(10)}
    assert broken(clip, digits, heard(0.6)) == ["nine digits take 8.3 s; they may take 8"]


def test_a_language_menu_that_becomes_too_long_for_others_is_named(clip: Path) -> None:
    found = broken(clip, {"language_option": 4.0}, heard(0.9))
    assert any(
        re.fullmatch(r"language menu to its end.* \(all languages\) takes 1\d\.\d s; wanted are 12", item)
        for item in found
    ), found


def test_what_was_too_long_before_does_not_stop_a_voice_that_is_quicker(clip: Path) -> None:
    before = heard(14.0)
    assert broken(clip, dict.fromkeys(before.prompts["fr"], 13.0), before) == []


def test_a_voice_that_is_too_soft_is_named(clip: Path, tmp_path: Path) -> None:
    soft = tmp_path / "soft.ulaw"
    soft.write_bytes(bytes([0xF0 if at % 2 else 0x70 for at in range(32_000)]))
    assert "LU from the target" in " ".join(broken(soft, {"goodbye": 4.0}, heard(0.6)))
