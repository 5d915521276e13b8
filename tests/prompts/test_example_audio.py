"""The example site's audio, as its voices speak it: whole in every language, equally loud, and without clicks."""

import itertools
import os
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import shared_audio
from numpy.typing import NDArray

from bench.loudness import summaries
from ivr.audio.audible import Audible
from ivr.audio.spoken import dictated_clips
from ivr.talk.whisper import is_brisk
from prompts import audio, catalogue, g711, loudness, manifest, sources
from prompts.build import build
from prompts.measure import measure

SITE = Path(__file__).parents[2] / "sites" / "consulate"
RECORDED_ONLY = ("zgh",)
NINE_DIGITS = [(2 * "0123456789")[start : start + 9] for start in range(10)]  # each digit nine times in all
SAMPLE = 1 if os.environ.get("HATIF_TEST_LONG") else 24
"""One of so many prompts is measured in all languages: measuring all takes 17 s."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example site's sounds, made by the real voices; those that `scripts/test` made are reused.

    Of the guide's procedures, a sample is in all languages, and all of them in English; `scripts/test --long` has
    everything.
    """
    out = tmp_path_factory.mktemp("whole") / "sounds"
    if (made := Path(os.environ.get("HATIF_TEST_CACHE") or SITE.parents[1] / "var" / "cache") / "sounds").is_dir():
        shared_audio.share(made, out)
        shared_audio.own(out)
    texts = catalogue.load(SITE)
    how = {"brisk": set(filter(is_brisk, texts.ids)), "recorded_only": RECORDED_ONLY, "later": left_out()}
    report = build(texts, out, SITE / "recordings", **how)  # type: ignore[arg-type]
    assert [str(problem) for problem in report.problems] == []
    return out


@cache
def left_out() -> set[str]:
    """Return the steps of the guide that may lack audio but in English."""
    return {step for step in sources.guide_steps(sources.load(SITE)) if not in_sample(step)}


def in_sample(prompt: str) -> bool:
    """Return whether a prompt is in the sample: always the same ones, whatever texts a site gets or loses."""
    return crc32(prompt.encode()) % SAMPLE == 0


def heard(sounds: Path, file: str) -> NDArray[np.float32]:
    """Return what a caller hears: full scale 1, 8 kHz."""
    return audio.from_int16(g711.from_ulaw(manifest.paths(sounds, file)[0].read_bytes()))


def test_every_prompt_has_audio_in_every_language_and_format(whole: Path) -> None:
    texts, made = catalogue.load(SITE), manifest.load(whole / "manifest.json")
    assert made.languages == texts.languages
    spoken = [language for language in texts.languages if language not in RECORDED_ONLY]
    for language, prompt in itertools.product(spoken, texts.ids):
        file = made.file(language, prompt)
        if file is None and language != "en" and manifest.is_left(whole) and prompt in left_out():
            continue
        assert file, (language, prompt)
        assert file.startswith(f"hatif/{language}/{prompt}-")
        assert made.text(language, prompt) == texts.text(language, prompt)
        for path in manifest.paths(whole, file):
            assert (whole / language / f"{prompt}{path.suffix}").readlink() == Path(path.name)
        assert 0.15 < (made.seconds(language, prompt) or 0) < 40


def test_all_voices_are_equally_loud_without_dead_air_or_clipping(whole: Path, tmp_path: Path) -> None:
    made = manifest.load(whole / manifest.FILE)
    some = manifest.Manifest(
        {
            language: {prompt: clip for prompt, clip in prompts.items() if in_sample(prompt)}
            for language, prompts in made.prompts.items()
        }
    )
    for folder in filter(Path.is_dir, whole.iterdir()):
        (tmp_path / folder.name).symlink_to(folder)
    (tmp_path / manifest.FILE).write_bytes(manifest.dump(some))
    voices, clips = summaries(tmp_path)
    assert sum(map(len, clips.values())) == len(some.files)
    assert [fault for voice in voices for fault in voice.faults] == []


def test_no_prompt_clicks_where_it_is_joined_to_another(whole: Path) -> None:
    for file in manifest.load(whole / "manifest.json").files:
        samples = heard(whole, file)
        for end in (samples, samples[::-1]):
            assert abs(end[0]) < 0.002, file
            assert np.abs(np.diff(end[:24])).max() < 0.02, file  # 3 ms


def test_every_format_of_a_prompt_is_equally_loud(whole: Path) -> None:
    files = sorted(manifest.load(whole / "manifest.json").files)[:: 4 * SAMPLE]  # decoding G.722 is slow
    for file in files:
        levels = [measure(path) for path in manifest.paths(whole, file)]
        allowed = 0.5 if levels[0].seconds > 2.5 else 1.0  # a few blocks of the measurement
        assert levels[0].lufs == pytest.approx(loudness.TARGET, abs=allowed), file
        assert max(level.lufs for level in levels) - min(level.lufs for level in levels) < 0.3, file


def test_nine_digits_to_be_written_down_take_six_to_eight_seconds(whole: Path) -> None:
    made = manifest.load(whole / "manifest.json")
    audible = Audible(whole, lambda language: ())
    for language in made.languages:
        if language not in RECORDED_ONLY:
            rows = [audible.media(made, dictated_clips(language, number)) for number in NINE_DIGITS]
            spoken = [media.seconds - manifest.LONG_PAUSE_S for media in rows]  # up to the last digit
            assert 6 <= sum(spoken) / len(spoken) <= 8, (language, spoken)


def test_the_audio_of_one_language_is_not_that_of_another(whole: Path) -> None:
    made = manifest.load(whole / "manifest.json")
    for prompt in ("goodbye", "help_silence", "press_1"):
        spoken = [language for language in made.languages if language not in RECORDED_ONLY]
        for one, other in itertools.combinations(spoken, 2):
            assert likeness(whole, made.file(one, prompt), made.file(other, prompt)) < 0.7, (prompt, one, other)
        assert likeness(whole, made.file("ar", prompt), made.file("ar", prompt)) > 0.999


def likeness(sounds: Path, one: str | None, other: str | None) -> float:
    """Return the largest correlation of two prompts at any delay, 0 to 1."""
    assert one
    assert other
    a, b = heard(sounds, one), heard(sounds, other)
    size = len(a) + len(b)
    spectrum = np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size))
    return float(np.abs(np.fft.irfft(spectrum)).max() / np.sqrt((a**2).sum() * (b**2).sum()))
