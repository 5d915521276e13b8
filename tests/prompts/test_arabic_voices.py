"""Arabic sounds in the notation of each voice; every text of the site is spoken."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prompts import catalogue
from prompts.say import say
from prompts.voices import VOICES, phonemes
from prompts.voices.arabic import pico
from prompts.voices.arabic.text import phrases

CONSULATE = Path(__file__).parents[2] / "sites" / "consulate"

GERMAN_SOUNDS = (
    "p b t d k g ? f v s z S Z C x h R l m n N j pf ts tS dZ "
    "a a: 6 E E: e e: I i i: O o o: U u u: @ 9 2: y: Y aU aI OY i_^ u_^ y_^ 6_^"
)
"""All sounds of the German voice (measured by the length of its output for each symbol)."""


def german(text: str) -> str:
    return " ".join(pico.x_sampa(word) for phrase in phrases(text) for word in phrase.words)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("مَرْحَبًا", '"maRxaban'),
        ("كِتَابٌ", 'ki"ta:b'),
        ("الْبَيْتُ", '?al"bajt'),
        ("سَيَّارَةٌ", 'sa"ja:Ra'),
    ],
)
def test_a_word_is_spelled_with_the_sounds_of_the_german_voice(written: str, expected: str) -> None:
    assert german(written) == expected


def test_the_german_voice_knows_every_sound_that_it_is_given() -> None:
    texts = catalogue.load(CONSULATE)
    symbols = "|".join(map(re.escape, sorted(GERMAN_SOUNDS.split(), key=len, reverse=True)))
    for prompt in texts.ids:
        assert re.fullmatch(f'(?:{symbols}|["% ])+', german(texts.text("ar", prompt) or "")), prompt


def test_phrases_are_pauses_and_quotes_do_not_break_the_markup() -> None:
    spoken = [phonemes.Phrase(('"a', "b'<&"), ","), phonemes.Phrase((), "."), phonemes.Phrase(("c",), ".")]
    assert phonemes.markup(spoken) == ("<phoneme ph='\"a'/> <phoneme ph='b&apos;&lt;&amp;'/>, <phoneme ph='c'/>.")


def test_a_text_without_words_and_an_unknown_voice_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to speak"):
        phonemes.speak([], "de-DE", {})
    with pytest.raises(ValueError, match="Pico has no voice nl-NL; it has"):
        phonemes.speak([phonemes.Phrase(("a",), ".")], "nl-NL", {})


def test_more_sounds_take_longer_and_no_markup_is_read_aloud() -> None:
    one, rate = pico.speak("بَيْتٌ", "de-DE", {"speed": 1.0})
    two, _ = pico.speak("بَيْتٌ كَبِيرٌ جِدًّا", "de-DE", {"speed": 1.0})
    assert 0.2 < len(one) / 2 / rate < 1.2
    assert 1.3 * len(one) < len(two) < 4 * len(one)


def test_any_arabic_text_is_spoken_including_its_digits(tmp_path: Path) -> None:
    short = say("رَقْمُ مِلَفِّكُمْ.", "ar", tmp_path / "short.wav")
    for digits in ("123456789", "٢٥/١١/٢٠٢٦"):
        assert say(f"رَقْمُ مِلَفِّكُمْ {digits}.", "ar", tmp_path / "long.wav") > short + 2


def test_all_arabic_texts_of_the_site_are_spoken(record_property: Callable[[str, object], None]) -> None:
    texts = catalogue.load(CONSULATE)
    voice = VOICES["ar"]
    # Every fortieth text: enough to know the whole, and that none is silent.
    some = [texts.text("ar", prompt) or "" for prompt in texts.ids[::40]]
    started = time.process_time()
    spoken = [pico.speak(text, voice.name, dict(voice.settings))[0] for text in some]
    took = (time.process_time() - started) * len(texts.ids) / len(some)
    record_property("processor time for all Arabic texts of the example site, s", round(took))  # wanted: 30
    assert all(len(samples) > 16_000 for samples in spoken)
