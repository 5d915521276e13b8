"""Texts in languages of the Latin alphabet to the model's symbols, through espeak-ng's rules of pronunciation.

espeak-ng turns the text into sounds; `SYMBOLS` has the model's symbols for those that differ. docs/voices.md has what
was tried and how well it is understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from prompts.voices.espeak_sounds import SEPARATOR, ipa
from prompts.voices.kokoro import respelled, written
from prompts.voices.kokoro import symbols as model_symbols

LANGUAGES = ("de", "en", "es", "fr", "it", "nl")

_ALL = {
    "aɪ": "I", "aʊ": "W", "dz": "ʣ", "dʒ": "ʤ", "eɪ": "A", "oʊ": "O", "əʊ": "Q", "ss": "S", "ts": "ʦ", "tʃ": "ʧ",
    "ɔɪ": "Y", "g": "ɡ", "ɦ": "h", "ɫ": "l", "ɬ": "l", "ɱ": "m", "ʉ": "u", "ʏ": "y", "ʍ": "w",
}  # fmt: skip
"""In every language: sounds of two letters that are one symbol of the model, and the nearest one of those it lacks."""
_ENGLISH = {
    "aɪə": "Iə",
    "aɪɚ": "Iə",
    "eə": "ɛː",
    "iə": "ɪə",
    "ɐ": "ə",
    "r": "ɹ",
    "x": "k",
    "ʔ": "t",
    "əl": "ᵊl",
    "e": "A",
}
_GERMAN = {"ɔø": "Y", "ʏ": "y", "r": "ɾ", "ɜ": "ɐ", "ˈɑ": "ˈaː", "ˌɑ": "ˌa", "ɑ": "a"}
_DUTCH = {"ɣ": "x", "ɵ": "ɜ"}
SYMBOLS = {
    "de": _ALL | _GERMAN,
    "en": _ALL | _ENGLISH,
    "es": _ALL,
    "fr": _ALL,
    "it": _ALL,
    "nl": _ALL | _DUTCH,
}
"""The model's symbols for the sounds of each language; other sounds are written with the same letters in both."""
_WORDS = {"nl": {"y": "yː"}}
"""Words that are written otherwise than by their sounds: Dutch *u* (you) is missed if it is short."""
_VOWELS = "aeiouyøœɐɑəɛɔɪʊAIOWY"
_IN_CONTEXT = {"de": (re.compile(f"(?<=[{_VOWELS}ː])ɾ(?![{_VOWELS}ˈˌ])"), "ʁ")}
"""Sounds whose symbol depends on those beside them: a German r is a tap, but for the weak one after a vowel."""
_NOT_SYMBOLS = str.maketrans("", "", "-\u0329\u032f\u0361")
"""Signs of espeak-ng that the model does not have: optional sounds, syllabic consonants, ties."""
_CLAUSE = re.compile(r"(.+?)(?:([,.;:?!…]+)(?=[\s\"»”’)]|$)|\s[–—-]\s|[()«»“”]|$)", re.S)
_END = {"de": ","}
"""The end of a text without punctuation, such as a digit, if not a full stop: German ones are understood better so."""
_STRESS, _LONG = "ˈˌ", "ː"


def symbols(text: str, language: str) -> str:
    """Return the model's symbols for a text; empty if there is nothing to speak.

    Sounds that the model does not have are left out: espeak-ng may detect words of any language in a text.

    Raises:
        ValueError: espeak-ng does not have the language.
    """
    return "".join(symbol for symbol in spell(text, language) if symbol in model_symbols.numbers())


def spell(text: str, language: str) -> str:
    """Return the symbols for a text, with those that the model may not have.

    Raises:
        ValueError: espeak-ng does not have the language.
    """
    spoken = written.in_words(" ".join(text.split()), language)
    found = [(said, clause[2]) for clause in _CLAUSE.finditer(spoken) if (said := _clause(clause[1], language))]
    end = _END.get(language, ".")
    marks = [(mark or ",")[:1] for _, mark in found[:-1]] + [(mark or end)[:1] for _, mark in found[-1:]]
    return " ".join(said + mark for (said, _), mark in zip(found, marks, strict=True))


def _clause(clause: str, language: str) -> str:
    words = (word for part in respelled.parts(clause, language) for word in _words(part, language))
    other = _WORDS.get(language, {})
    found = " ".join(other.get(word, word) for word in words if word)
    if language in _IN_CONTEXT:
        sound, symbol = _IN_CONTEXT[language]
        found = sound.sub(symbol, found)
    return found


def _words(part: str, language: str) -> Iterator[str]:
    if part.startswith("/"):
        sounds = _sound(language).findall(part.strip("/"))
        yield "".join(_symbols(sound, language) for sound in sounds)
    else:
        for word in ipa(part, language).split():
            yield "".join(_symbols(sound, language) for sound in word.translate(_NOT_SYMBOLS).split(SEPARATOR))


@cache
def _sound(language: str) -> re.Pattern[str]:
    longest_first = sorted(SYMBOLS[language], key=len, reverse=True)
    return re.compile(f"[{_STRESS}]?(?:{'|'.join(map(re.escape, longest_first))}|.){_LONG}?")


def _symbols(sound: str, language: str) -> str:
    """Return the model's symbols for a sound, with its stress and length."""
    table = SYMBOLS[language]
    if sound in table:
        return table[sound]
    bare = sound.lstrip(_STRESS)
    short = bare.removesuffix(_LONG)
    symbol = table.get(bare) or table.get(short, short) + bare[len(short) :]
    return sound[: len(sound) - len(bare)] + symbol
