"""The voices' table, and `hatif prompts say` for any text."""

import re
import wave
from pathlib import Path

import pytest

from prompts.say import TextError, say
from prompts.voices import VOICES, voice_of
from prompts.voices.process import VoiceError


def test_each_language_of_the_example_has_a_voice_and_any_other_has_pyttsx3() -> None:
    assert {language: voice.source for language, voice in VOICES.items()} == {
        "ar": "pico",
        "de": "pico",
        "en": "pico",
        "es": "pico",
        "fr": "pico",
        "it": "pico",
        "nl": "pyttsx3",
    }
    assert voice_of("tr").source == "pyttsx3"


@pytest.mark.parametrize(("text", "language"), [("Bonjour.", "fr"), ("مَرْحَبًا بِكُمْ.", "ar"), ("Merhaba.", "tr")])
def test_any_text_is_spoken_in_any_language(tmp_path: Path, text: str, language: str) -> None:
    seconds = say(text, language, tmp_path / "said.wav")
    with wave.open(str(tmp_path / "said.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.getnframes() / 16_000 == pytest.approx(seconds)
    assert say(text, language, tmp_path / "narrow.wav", narrow=True) == pytest.approx(seconds, abs=0.2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["narrow.wav", "said.wav"]


def test_an_unspeakable_text_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    for text, language, reason in (
        ("Bonjour 😀", "fr", "no voice can read"),
        ("", "fr", "no letters"),
        ("Bonjour " * 300, "fr", "characters; split it"),
        ("سلام", "de", "another script"),
    ):
        with pytest.raises(TextError, match=re.escape(reason)):
            say(text, language, tmp_path / "said.wav")
    with pytest.raises(VoiceError, match="no voice for zgh; record"):
        say("ⴰⵣⵓⵍ", "zgh", tmp_path / "said.wav")
    assert list(tmp_path.iterdir()) == []
