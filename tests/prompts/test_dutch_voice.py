"""Dutch in the German voice: the substitutes for its sounds; every text of the site is spoken."""

import re
from pathlib import Path

import pytest
from every import every

from prompts import catalogue
from prompts.voices import VOICES, dutch, phonemes
from prompts.voices.espeak_sounds import ipa
from prompts.voices.process import VoicePool

CONSULATE = Path(__file__).parents[2] / "sites" / "consulate"


def expected(text: str) -> str:
    return " ".join(word for phrase in dutch.phrases(text) for word in phrase.words)


@every(
    ("written", "spoken"),
    [
        ("water", '"va:t@R'),
        ("vijf", '"fEi_^f'),
        ("schoon", '"sxo:n'),  # two sounds, not the sh of German
        ("lijn", '"lEi_^n'),
        ("huis", '"h9Ys'),
        ("vrouw", '"fRaU'),
        ("deur", '"d2:R'),
        ("boek", '"bu:k'),
        ("uur", '"y:R'),
        ("geen", '"ge:n'),
        ("lachen", '"lax@n'),
        ("bericht", 'b@"RIxt'),
        ("jong", '"jON'),
        ("garage", 'ga:"Ra:Z@'),
        ("Spanje", '"spanj@'),
        ("katje", '"katj@'),
    ],
)
def test_a_word_is_spelled_with_the_sounds_of_the_german_voice(written: str, spoken: str) -> None:
    assert expected(written) == spoken


def test_the_stress_mark_precedes_all_consonants_at_the_beginning_of_its_syllable() -> None:
    assert dutch.x_sampa("s_t_r_ˈaː_t") == '"stRa:t'
    assert dutch.x_sampa("b_ə_s_p_r_ˈeː_k") == 'b@"spRe:k'
    assert dutch.x_sampa("ɑ_n_t_ˈʋ_oː") == 'an"tvo:'
    assert dutch.x_sampa("k_ˌɔ_n_s_y_l_ˈɛː_r_ə") == 'kOnsy:"lE:R@'  # the second stress is left to the voice


def test_unstressed_words_join_the_next_word() -> None:
    assert expected("van de lijn") == 'fand@"lEi_^n'
    assert expected("de lijn van de") == 'd@"lEi_^n fand@'


def test_only_punctuation_separates_phrases() -> None:
    spoken = dutch.phrases("Welkom; het is open, ja? Tot ziens")
    assert [phrase.mark for phrase in spoken] == [",", ",", "?", "."]
    assert [len(phrase.words) for phrase in spoken] == [1, 1, 1, 1]


def test_numbers_are_spoken_in_dutch() -> None:
    assert expected("15").replace('"', "") == expected("vijftien").replace('"', "")
    assert expected("3") == expected("drie")


def test_a_sound_that_the_voice_lacks_is_dropped() -> None:
    assert dutch.x_sampa("b_ˈa_ʘ_k") == '"bak'
    assert dutch.x_sampa("ʘ") == ""


@pytest.mark.parametrize("text", ["...", " ", "—"])
def test_a_text_without_words_is_refused(text: str) -> None:
    assert dutch.phrases(text) == []
    with pytest.raises(ValueError, match="nothing to speak"):
        dutch.speak(text, "de-DE", {})


def test_every_sound_of_the_site_s_texts_is_in_the_table_and_in_the_voice() -> None:
    known = {*phonemes.GERMAN_CONSONANTS.split(), *phonemes.GERMAN_VOWELS.split()}
    assert {sound for sounds in dutch.SOUNDS.values() for sound in sounds.split()} <= known
    texts = catalogue.load(CONSULATE)
    for prompt in texts.ids:
        words = ipa(re.sub(r"[,.;:?!]", " ", texts.text("nl", prompt) or ""), "nl").split()
        unknown = {sound.lstrip("ˈˌ") for word in words for sound in word.split("_")} - {*dutch.SOUNDS, ""}
        assert words, prompt
        assert not unknown, (prompt, unknown)


def test_the_sites_dutch_voice_speaks_in_its_own_process() -> None:
    with VoicePool(20) as pool:
        short, rate = pool.speak(VOICES["nl"], "Welkom.")
        long, _ = pool.speak(VOICES["nl"], "Welkom bij de consulaire telefoonlijn van Marokko.")
        again, _ = pool.speak(VOICES["nl"], "Welkom.")
    assert rate == 16_000
    assert 0.3 < len(short) / rate < 1.5
    assert 2.5 < len(long) / rate < 6
    assert short.tobytes() == again.tobytes()
