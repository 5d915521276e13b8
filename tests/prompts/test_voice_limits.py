"""A voice with which callers would listen longer than the site allows is not used, and the limit is named."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import prompt_lines
import pytest
from prompt_sites import speech
from trial_stage import CONSULATE, stage

from ivr.site import site as sites
from ivr.trial.voice_limits import limits_broken
from prompts import audio, files, manifest
from prompts.manifest import Audio, Manifest

SITE = sites.load(CONSULATE)
SOME = 40
"""Of so many texts one gets other audio, since the loudness of each is measured."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a clip as loud as all others."""
    sounds = tmp_path_factory.mktemp("sounds")
    samples = speech(2.0).astype("float32")
    files.write_sound(sounds, "hatif/fr/clip", audio.finish(samples, 48_000))
    return manifest.paths(sounds, "hatif/fr/clip")[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the example's languages and a short flow, whose callers are soon measured."""
    return prompt_lines.write(tmp_path_factory.mktemp("small") / "site")


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


def broken(clip: Path, seconds: Mapping[str, float], before: Manifest, site: Path) -> list[str]:
    """Return what a French voice breaks that speaks these texts in these seconds."""
    new = {("fr", prompt): Audio(f"hatif/fr/{prompt}", "", "slow", lasts) for prompt, lasts in seconds.items()}
    paths = {of.file: clip for of in new.values()}
    return list(limits_broken("fr", new, paths, before, site, SITE))


def test_a_voice_that_keeps_all_limits_passes(clip: Path) -> None:
    before = heard(0.6)
    assert broken(clip, dict.fromkeys([*before.prompts["fr"]][::SOME], 0.5), before, CONSULATE) == []


def test_each_limit_that_is_broken_is_named(small: Path, tmp_path: Path) -> None:
    soft = tmp_path / "soft.ulaw"
    soft.write_bytes(bytes([0xF0 if at % 2 else 0x70 for at in range(32_000)]))
    digits = {f"digit_{digit}": 0.62 for digit in range(10)}
    found = broken(soft, {"goodbye": 12.2, "language_option": 4.0, **digits}, heard(0.9), small)
    assert found[:2] == ["goodbye lasts 12.2 s; longest_text_s is 12", "nine digits take 8.2 s; they may take 8"]
    # Callers of every language hear the French option.
    menu = re.compile(r"language menu to its end.* \(all languages\) takes 1\d\.\d s; wanted are 12")
    assert any(map(menu.fullmatch, found)), found
    assert "LU from the target" in " ".join(found)


def test_what_is_too_long_already_does_not_stop_a_voice_that_is_quicker(clip: Path, small: Path) -> None:
    before = heard(14.0)
    quicker = {prompt: 13.0 for prompt in [*before.prompts["fr"]][::SOME] if not prompt.startswith("digit_")}
    assert broken(clip, quicker, before, small) == []
