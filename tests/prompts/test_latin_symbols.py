"""How the neural voice pronounces texts in languages of the Latin alphabet: words for figures, readings, symbols."""

from __future__ import annotations

from pathlib import Path

import pytest
from every import every

from prompts import catalogue
from prompts.voices import Voice, kokoro
from prompts.voices.kokoro import latin, respelled, symbols, weights, written

CONSULATE = Path(__file__).parents[2] / "sites" / "consulate"


@every(
    ("language", "text", "spoken"),
    [
        ("nl", "Van 08:00 tot 20:30 uur, op 25-11-2026.", "Van 8 uur tot 20 uur 30, op 25 november 2026."),
        ("nl", "Bijv. nr. 7, 12-14 weken.", "bijvoorbeeld nummer 7, 12 tot 14 weken."),
        ("de", "Am 01.12.2026, z. B. um 8:05 Uhr.", "Am ersten Dezember 2026, zum Beispiel um 8 Uhr 5."),
        ("fr", "Le 1/12/2026 à 8h30, M. Argan.", "Le 1er décembre 2026 à 8 heures 30, monsieur Argan."),
        ("it", "Il 25/11/2026 alle 20:00, n. 7.", "Il 25 novembre 2026 alle 20, numero 7."),
        ("es", "El 25/11/2026, Sra. Argan.", "El 25 de noviembre de 2026, señora Argan."),
        ("en", "From 08:00 to 20:30 on 25/11/2026.", "From 8 am to 8 30 pm on 25 November 2026."),
        ("en", "Is it No. 7? No.", "Is it number 7? No."),
        ("fr", "Voici le plan M.", "Voici le plan M."),
        ("it", "Costa 1 250 euro.", "Costa 1250 euro."),
        ("fr", "Votre CIN et votre PIN.", "Votre C I N et votre PIN."),
        ("en", "Our EU and UAE offices.", "Our E U and U Eh E offices."),
    ],
)
def test_figures_and_abbreviations_are_spoken_as_people_say_them(language: str, text: str, spoken: str) -> None:
    assert written.in_words(text, language) == spoken


@pytest.mark.parametrize("text", ["Bel 0800-1234 of 12-34-56.", "Versie 1.2.3", "25-11-202612"])
def test_figures_that_are_no_date_time_or_range_stay(text: str) -> None:
    assert written.in_words(text, "nl") == text


def test_a_word_with_a_reading_keeps_the_words_around_it() -> None:
    assert respelled.parts("Uw dossier is klaar", "nl") == ["Uw ", "/dɔʃˈeː/", " is klaar"]
    assert respelled.parts("Der Reisepass.", "de") == ["Der Reise-pass."]


@pytest.mark.parametrize("text", ["Dossiers", "onze-onze", "Reisepassantrag"])
def test_a_reading_is_of_whole_words(text: str) -> None:
    assert respelled.parts(text, "nl") == [text]
    assert respelled.parts(text, "de") == [text]


def test_a_laissez_passer_is_french_in_every_language() -> None:
    for language in latin.LANGUAGES:
        assert "pˈas" in latin.symbols("Een laissez-passer.", language).replace("pasˈ", "pˈas")


def test_punctuation_stays_and_a_text_ends_a_sentence() -> None:
    spoken = latin.symbols("Ja, nee: ja? Nee (soms) ja", "nl")
    assert [mark for mark in spoken if mark in ",.:?"] == [",", ":", "?", ",", ",", "."]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Rabat", "ɾabˈat."),
        ("Marokko", "maɾˈɔkoː."),
        ("drei Straßen", "dɾˈI ʃtɾˈaːsən."),
        ("vier Sterne", "fˈiːʁ ʃtˈɛʁnə."),
        ("Wir erreichen", "viːʁ ɛʁɾˈIçən."),
        ("Mitarbeiter", "mˈɪtˌaʁbItɐ."),
    ],
)
def test_a_german_r_is_a_tap_except_after_a_vowel(text: str, spoken: str) -> None:
    assert latin.symbols(f"{text}.", "de") == spoken


@pytest.mark.parametrize("language", latin.LANGUAGES)
def test_the_model_has_every_sound_of_the_example_site(language: str) -> None:
    texts = catalogue.load(CONSULATE)
    for prompt in texts.ids:
        assert symbols.tokens(latin.spell(texts.text(language, prompt) or "", language))


@pytest.mark.parametrize("language", latin.LANGUAGES)
def test_the_model_has_every_sound_of_the_readings(language: str) -> None:
    for word in respelled.readings(language):
        assert symbols.tokens(latin.spell(word, language))


def test_a_sound_that_the_model_lacks_is_left_out() -> None:
    assert symbols.tokens(latin.symbols("Llangollen, Øresund, Łódź, Þingvellir en 東京", "nl"))


def test_digits_are_said_swiftly_and_operators_words_briskly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", lambda folder: folder / "model")

    def speed(voice: Voice) -> float:
        return dict(voice.settings)["speed"]

    for language in latin.LANGUAGES:
        voice = kokoro.voice(language, Path())
        assert voice.of("main_file") == voice
        assert all(speed(voice) < speed(voice.of(text)) < speed(voice.brisk) for text in ("digit_7", "key_7"))
