"""The example site's callers are soon where they want to be: on its built audio, in virtual time, in every language."""

from pathlib import Path

import pytest
import short_audio
from every import every
from line import CACHE

from ivr.home.settings import EXAMPLE
from ivr.site import site as sites
from ivr.trial.caller_figures import PROCEDURE, measure
from ivr.trial.ground import Ground, make_ground
from ivr.trial.moments import What, find_moments
from prompts import catalogue, manifest
from prompts.build import TIME_LIMIT, speak
from prompts.manifest import BYTES_S, Audio, Manifest
from prompts.voices import voice_of
from prompts.voices.process import VoicePool

LANGUAGES = sites.load(EXAMPLE).languages
CARELESS = {"nothing": "", "0": "0", "*": "*" * 20, "wrong keys": "8" * 20}
LONGEST_S = 60.0
MEASURED = f"guide_{PROCEDURE}_documents_1"
"""The only step of the guide that is in a figure."""


@pytest.fixture(scope="module")
def ground() -> Ground:
    return make_ground(EXAMPLE, spoken(CACHE / "sounds"))


def spoken(made: Path) -> Manifest:
    """Return the list of the audio, with the measured step in all languages: `scripts/test` leaves most of them out."""
    heard, texts = manifest.load(made / manifest.FILE), catalogue.load(EXAMPLE)
    whole = manifest.load(short_audio.spoken_audio(made, CACHE) / manifest.FILE)
    prompts = {language: dict(clips) for language, clips in whole.prompts.items()}
    with VoicePool(TIME_LIMIT) as pool:
        for language in LANGUAGES:
            if heard.audio(language, MEASURED) is None:
                voice, text = voice_of(language).of(MEASURED), texts.text(language, MEASURED) or ""
                seconds = len(speak(pool, voice, text).ulaw) / BYTES_S
                prompts[language][MEASURED] = Audio(f"hatif/{language}/{MEASURED}", text, voice.source, seconds)
    return Manifest(prompts)


def test_every_figure_of_a_callers_minute_is_kept_in_every_language(ground: Ground) -> None:
    figures = measure(ground)
    assert [figure.unit for figure in figures] == ["s"] * 7 + ["keys", "s", "s"]
    assert all(set(figure.values) == set(LANGUAGES) and None not in figure.values.values() for figure in figures)
    missed = {
        f"{figure.name}, {language}": (value, figure.wanted)
        for figure in figures
        for language, value in figure.values.items()
        if not figure.kept(language)
    }
    assert missed == {}


@every("presses", CARELESS)
@every("language", LANGUAGES)
def test_who_presses_nothing_or_something_wrong_soon_waits_for_an_operator_in_their_own_language(
    ground: Ground, language: str, presses: str
) -> None:
    result = ground.call(ground.homes[language], CARELESS[presses])
    (waiting,) = (step for step in result.steps if step.kind == "waiting")
    assert waiting.data["language"] == language
    chosen = next(step.at for step in result.steps if step.kind == "language")
    after = [step for step in result.steps if step.kind == "hears" and step.at >= chosen]
    heard = {clip.language for step in after for clip in step.data["clips"]}
    assert heard == {language}
    moments = find_moments(result, language, ground.flow)
    (queued,) = (moment.at for moment in moments if moment.what is What.QUEUED)
    assert queued <= LONGEST_S
