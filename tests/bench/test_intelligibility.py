"""The measurement of intelligibility: the error, the telephone, the verdict. Does not need the recogniser itself."""

import json
import os
import subprocess
from pathlib import Path

import forked_programs
import numpy as np
import pytest

from bench.intelligibility import announcements, errors, hard, telephone
from bench.intelligibility.environment import Environment, Recogniser, RecogniserError
from bench.intelligibility.jobs import Announcements, VoiceNameError, jobs
from bench.intelligibility.report import WANTED, Announcement, Result, comparisons, document
from prompts import catalogue, text_rules
from prompts.voices import choice
from prompts.voices.kokoro import weights

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("wanted", "recognised"),
    [
        ("Pour l'état civil,", "pour létat civil"),
        ("foto's.", "Fotos"),
        ("السَّلَامُ عَلَيْكُمْ،", "السلام عليكم"),
        ("الإدارة إلى الأمام", "الاداره الي الامام"),
        ("Straße", "STRASSE"),
        ("Ihr Reisepass beim Generalkonsulat", "Ihr Reise Pass beim General-Konsulat"),
        ("Uw wachtrij", "Uwwacht rij"),
        ("وجواز السفر", "و جواز السفر"),
    ],
)
def test_a_difference_that_does_not_change_the_sound_is_not_an_error(wanted: str, recognised: str) -> None:
    assert errors.character_error(wanted, recognised) == 0


def test_the_error_is_the_share_of_characters_that_differ_and_at_most_one() -> None:
    assert errors.character_error("abcdefghij", "abcdefghix") == pytest.approx(0.1)
    assert errors.character_error("abcdefghij", "") == 1
    assert errors.character_error("ja", "ja ja ja ja ja ja ja") == 1
    assert errors.character_error("été", "ete") == pytest.approx(2 / 3)  # accents are sounds
    assert errors.mean([0.0, 0.5]) == 0.25


def tone(frequency: float, rate: int) -> np.ndarray:
    return (8_000 * np.sin(2 * np.pi * frequency * np.arange(rate) / rate)).astype(np.int16)


def level(heard: np.ndarray, frequency: float) -> float:
    spectrum = np.abs(np.fft.rfft(heard))
    return float(spectrum[round(frequency * len(heard) / telephone.HEARD_RATE)] / len(heard))


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_a_telephone_carries_the_band_of_speech_and_nothing_else(rate: int) -> None:
    heard = telephone.telephone_sound(tone(1_000, rate) + tone(150, rate) + tone(5_000, rate), rate)
    assert len(heard) == pytest.approx((1 + 2 * telephone.MARGIN) * telephone.HEARD_RATE, abs=2)
    assert level(heard, 1_000) > 0.01
    assert level(heard, 150) < 0.01 * level(heard, 1_000)
    assert level(heard, 5_000) < 0.01 * level(heard, 1_000)


def test_every_announcement_is_heard_at_the_same_level() -> None:
    quiet, loud = (telephone.telephone_sound(tone(1_000, 16_000) // part, 16_000) for part in (20, 1))
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(np.sqrt(np.mean(loud**2)), rel=0.05)


def test_the_announcements_are_in_every_language_and_the_held_out_ones_are_different() -> None:
    texts = catalogue.load(CHECKOUT / "sites" / "consulate")
    assert not {*announcements.TYPICAL} & {*announcements.HELD_OUT}
    for ids in (announcements.TYPICAL, announcements.HELD_OUT):
        assert len({*ids}) == 12
        assert all(texts.text(language, item) for language in WANTED for item in ids)


def test_every_language_has_twelve_hard_sentences_that_its_voice_can_speak() -> None:
    assert set(hard.SENTENCES) == set(WANTED)
    for language, sentences in hard.SENTENCES.items():
        assert len(sentences) == 12, language
        for spoken, words in sentences:
            assert not text_rules.findings(spoken, language)
            assert not any(letter.isdigit() for letter in words)


def test_the_lists_for_tuning_and_for_judging_have_no_text_in_common() -> None:
    texts = catalogue.load(CHECKOUT / "sites" / "consulate")
    for language in WANTED:
        apart, tuned = announcements.kept_apart(texts, language), announcements.tuning(texts, language)
        assert len(apart) >= 60
        assert len(tuned) >= 40
        assert not {*apart} & {*tuned}
        assert not {*apart, *tuned} & {*announcements.TYPICAL, *announcements.HELD_OUT}


def test_a_text_stays_in_its_list_when_others_go(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = catalogue.load(CHECKOUT / "sites" / "consulate")
    before = announcements.kept_apart(texts, "ar")
    monkeypatch.setattr(catalogue.Catalogues, "ids", property(lambda _: tuple(before[::2])))
    assert announcements.kept_apart(texts, "ar") == before[::2]


def result(error: float, **other: object) -> Result:
    facts = {"language": "nl", "voice": "pico", "peer": False, "set": "typical", "failed": ()}
    return Result(announcements=(Announcement("welcome", "a", "b", error),), **(facts | other))  # type: ignore[arg-type]


def test_a_voice_that_spoke_everything_keeps_a_limit_judged_on_the_typical_announcements_only() -> None:
    assert result(0.36).kept is True
    assert result(0.361).kept is False
    assert result(0.1, failed=("wait: it hung",)).kept is False
    assert result(0.9, peer=True).kept is None
    assert result(0.9, set="held_out").kept is None


def test_a_voice_that_spoke_nothing_has_no_figure_and_misses_its_limit() -> None:
    silent = Result("nl", "pico", False, "typical", (), ("welcome: it hung",))
    assert silent.mean is None
    assert silent.kept is False
    assert json.loads(json.dumps(document({}, [silent], 1.0)))["results"][0]["mean"] is None


def spoken(voice: str, *found: float) -> Result:
    announced = tuple(Announcement(str(number), "a", "b", error) for number, error in enumerate(found))
    return Result("ar", voice, False, "kept_apart", announced, ())


def test_two_voices_are_compared_text_by_text() -> None:
    (pair,) = comparisons([spoken("new", 0.1, 0.3, 0.2), spoken("old", 0.2, 0.4, 0.6, 0.9)])
    assert (pair.voice, pair.other, pair.announcements) == ("new", "old", 3)
    assert pair.difference == pytest.approx(-0.2)
    assert pair.standard_error == pytest.approx(0.1)
    assert pair.interval == pytest.approx((-0.396, -0.004))
    assert json.loads(json.dumps(document({}, [spoken("new", 0.1, 0.3), spoken("old", 0.2, 0.4)], 1.0)))["comparisons"]
    other_list = Result("ar", "old", False, "typical", spoken("", 0.2, 0.4).announcements, ())
    assert not list(comparisons([spoken("new", 0.1, 0.3), other_list]))


def test_without_its_environment_the_recogniser_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match="--install"):
        Recogniser(Environment(tmp_path))
    ran = subprocess.run(
        [forked_programs.QuickStarts().executable, "-m", "bench.intelligibility", "--language", "fr"],
        cwd=CHECKOUT,
        env=os.environ | {"HATIF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.strip().count("\n") == 0
    assert "there is no recogniser in" in ran.stderr


def test_the_output_of_a_recogniser_that_ends_is_reported(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.model.mkdir()
    (environment.model / "model.bin").touch()
    environment.python.parent.mkdir(parents=True)
    environment.python.write_text("#!/bin/sh\necho no such model >&2\nexit 3\n")
    environment.python.chmod(0o755)
    with Recogniser(environment) as recogniser, pytest.raises(RecogniserError, match="no such model"):
        recogniser.hear(np.zeros(16_000, dtype=np.float32), "fr")


def sites_voices(folder: Path) -> list[str]:
    """Return what is measured as the voice of the example site, for which these voices are installed."""
    texts = catalogue.load(CHECKOUT / "sites" / "consulate")
    chosen = choice.choose(choice.wanted({}, ["fr"]), folder)
    return [job.name for job in jobs(["fr"], ["site", "quick"], [Announcements.TYPICAL], texts, chosen, folder)]


def test_the_site_s_voice_is_the_one_that_it_has_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(VoiceNameError, match="kokoro: its model is not on this machine; run `hatif"):
        sites_voices(tmp_path)
    monkeypatch.setattr(weights, "find", lambda folder: folder / weights.FILE)
    assert sites_voices(tmp_path) == ["kokoro", "pico fr-FR"]


def test_a_voice_that_speaks_no_language_of_the_run_is_named_and_one_that_is_not_installed_too(tmp_path: Path) -> None:
    texts = catalogue.load(CHECKOUT / "sites" / "consulate")

    def found(language: str, voice: str) -> list[str]:
        wanted = jobs([language], [voice], [Announcements.TYPICAL], texts, choice.TABLE, tmp_path)
        return [job.name for job in wanted]

    with pytest.raises(VoiceNameError, match="'kokoro' does not speak zgh"):
        found("zgh", "kokoro")
    with pytest.raises(VoiceNameError, match=r"piper:x\.onnx: the file .* does not exist"):
        found("nl", "piper:x.onnx")
