"""What `hatif check` says of a site whose callers may speak."""

from pathlib import Path

import pytest
from small_site import SmallSite, make

from bench.speech import sounds
from ivr.call import said
from ivr.check.checking import check as check_site
from ivr.home.settings import EXAMPLE
from ivr.site.findings import Finding
from prompts import catalogue

CODES = {"E_SPEECH_TEXT", "E_SPEECH_DIGITS", "E_SPEECH_WORDS", "E_SPEECH_TWICE", "W_SPEECH_WORDS"}


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    """A small site whose callers may say the options of its menu."""
    site = make(tmp_path)
    site.edit("site.toml", "[[carrier]]", "[speech]\nmenus = true\n\n[[carrier]]")
    site.edit("flow.yaml", "text: main_papers,", "text: main_papers, words: words_papers,")
    site.edit("flow.yaml", "text: main_travel,", "text: main_travel, words: words_travel,")
    say(site, "words_papers", "papers", "أَوْرَاقٌ")
    say(site, "words_travel", "travel", "سَفَرٌ")
    return site


def say(site: SmallSite, text: str, english: str, arabic: str) -> None:
    """Add words to the site's texts."""
    site.edit("flow.yaml", "texts:\n", f"texts:\n  {text}: {english}\n")
    for language, words in (("en", ""), ("ar", arabic)):
        path = site.folder / site.catalogue(language)
        entry = f'\nmsgctxt "{text}"\nmsgid "{english}"\nmsgstr "{words}"\n'
        path.write_text(path.read_text(encoding="utf-8") + entry, encoding="utf-8")


def found(site: SmallSite, code: str) -> list[str]:
    """Return the findings with this code."""
    return [finding.found for finding in findings(site) if finding.code == code]


def findings(site: SmallSite) -> list[Finding]:
    return check_site(site.folder, site.sounds, (), site.folder)


def test_a_site_that_lacks_the_texts_for_callers_who_speak_is_told_which(small: SmallSite) -> None:
    (text,) = found(small, "E_SPEECH_TEXT")
    assert text.startswith("12 (speech_offer, speech_again, ") and text.endswith("are in no catalogue")
    small.edit("site.toml", "menus = true", "menus = false")
    assert not [finding for finding in findings(small) if "SPEECH" in finding.code]


@pytest.mark.parametrize("count", [9, 11])
def test_digits_that_would_stand_for_other_keys_are_refused(small: SmallSite, count: int) -> None:
    say(small, "words_digits", ", ".join(f"digit{place}" for place in range(10)), ", ".join("بتثجحخدذرزس"[:count]))
    assert found(small, "E_SPEECH_DIGITS") == [
        f"words_digits has {count} words in ar, so that some stand for other keys"
    ]


def test_each_digit_of_the_example_site_can_be_said_alone_and_as_a_number() -> None:
    words = catalogue.load(EXAMPLE).words
    for language in sounds.LANGUAGES:
        ways = words[language][said.DIGITS]
        keys = said.digit_words(ways)
        for key, digit in enumerate(ways[:10]):
            (number,) = (way for way in ways[10:] if way.endswith(f" {digit}"))
            assert keys[digit] == keys[number] == str(key)


def test_one_phrase_for_two_options_is_refused_in_any_language(small: SmallSite) -> None:
    small.edit(small.catalogue("ar"), 'msgstr "سَفَرٌ"', 'msgstr "سَفَرٌ, اوراق, أوراق"')  # the same without its vowels
    assert found(small, "E_SPEECH_TWICE") == ["main: 'أوراق' in ar stands for the keys 1 and 2"]


def test_words_that_are_in_no_catalogue_are_refused(small: SmallSite) -> None:
    small.edit("flow.yaml", "words: words_travel,", "words: words_going,")
    assert "main: callers may say 'words_going', which is in no catalogue" in found(small, "E_SPEECH_WORDS")


def test_words_without_a_word_are_refused(small: SmallSite) -> None:
    small.edit(small.catalogue("ar"), 'msgstr "سَفَرٌ"', 'msgstr ", ,"')
    assert found(small, "E_SPEECH_WORDS") == ["words_travel: it has no words"]


def test_an_option_that_callers_of_a_language_cannot_say_is_reported(small: SmallSite) -> None:
    small.edit(small.catalogue("ar"), 'msgstr "سَفَرٌ"', 'msgstr ""')
    assert found(small, "W_SPEECH_WORDS") == ["words_travel: callers of this language cannot say this option"]
