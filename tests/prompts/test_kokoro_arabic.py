"""Arabic in the model's symbols."""

from pathlib import Path

import pytest

from prompts import catalogue
from prompts.voices.arabic.letters import CONSONANTS
from prompts.voices.kokoro import symbols
from prompts.voices.kokoro.arabic import SOUNDS
from prompts.voices.kokoro.arabic import symbols as arabic

CONSULATE = Path(__file__).parents[2] / "sites" / "consulate"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("مَرْحَبًا.", "mˈɑrhaban."),
        ("كِتَابٌ.", "kitˈaːb."),
        ("سَيَّارَةٌ.", "sajjˈɑːrɑ."),
        ("طَبِيبٌ، صُورَةٌ.", "tɑbˈiːb, sˈoːrɑ."),
        ("قَلْبٌ، كَلْبٌ.", "qˈɑlb, kˈalb."),
        ("فِي الْمَغْرِبِ؟", "fˈi lmˈaɣrib?"),
        ("عَيْنٌ.", "ɐˈajn."),
    ],
)
def test_a_text_is_written_with_the_symbols_of_the_model(written: str, expected: str) -> None:
    assert arabic(written) == expected


def test_every_sound_has_a_symbol_and_the_model_knows_it() -> None:
    assert {*SOUNDS.consonants} >= {*CONSONANTS.values()}
    assert SOUNDS.vowels.keys() == SOUNDS.dark.keys() == {"a", "i", "u", "aː", "iː", "uː"}
    for tables in (SOUNDS.consonants, SOUNDS.vowels, SOUNDS.dark):
        symbols.tokens("".join(tables.values()))


def test_the_model_knows_every_symbol_of_the_sites_texts() -> None:
    texts = catalogue.load(CONSULATE)
    for prompt in texts.ids:
        assert symbols.tokens(arabic(texts.text("ar", prompt) or "")), prompt
