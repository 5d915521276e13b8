"""Dutch with SVOX Pico's German voice: espeak-ng turns the text into sounds, Pico speaks them.

German has nearly all the sounds of Dutch; `SOUNDS` lists substitutes for the others. docs/voices.md has the measured
intelligibility, and what else was tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from prompts.voices import phonemes
from prompts.voices.espeak_sounds import SEPARATOR, ipa
from prompts.voices.phonemes import GERMAN_VOWELS, Phrase

SOUNDS = {
    **{same: same for same in "bdfhjklmnpstz"},
    "x": "x", "ɣ": "g", "v": "f", "ʋ": "v", "w": "v", "r": "R", "ɾ": "R", "ŋ": "N", "ɲ": "n j", "ʃ": "S", "ʒ": "Z",
    "ɡ": "g", "tʲ": "t j", "sʲ": "S", "tʃ": "tS", "dʒ": "dZ", "ʔ": "?", "θ": "s", "ð": "d", "ɹ": "R",
    "ɑ": "a", "ɛ": "E", "ɪ": "I", "ɔ": "O", "ɵ": "Y", "ə": "@", "ɒ": "O", "æ": "E", "ʊ": "U", "ʌ": "9", "a": "a",
    "aː": "a:", "eː": "e:", "oː": "o:", "øː": "2:", "i": "i:", "iː": "i:", "y": "y:", "yː": "y:", "u": "u:", "uː": "u:",
    "ɪː": "e:", "ɛː": "E:", "ɔː": "O", "ɑː": "a:", "ɜː": "2:", "œː": "2:",
    "ɛɪ": "E i_^", "œy": "9 Y", "ʌʊ": "aU", "aɪ": "aI", "aʊ": "aU", "eɪ": "e:", "əʊ": "o:", "oʊ": "o:", "ɔɪ": "OY",
    "yʊ": "y: v",
}  # fmt: skip
"""espeak-ng's sounds of Dutch, and of the English words that it detects in it, to X-SAMPA of the German voice."""

_VOWELS = frozenset(GERMAN_VOWELS.split())
_BEGINNINGS = """
    bl bR dR dv fl fR gl gR gn kl kn kR kv pl pR sk sl sm sn sp st sx tR tv ts vl vR xl xn xR zv skR spl spR stR sxR
"""
"""Consonant clusters that can begin a syllable."""
_STRESSED = '"'
_STRESS = {"ˈ": _STRESSED, "ˌ": ""}
_CLAUSE = re.compile(r"([^,.;:?!]+)([,.;:?!]*)")
_MARKS = {";": ",", ":": ",", "": "."}


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    """Return 16-bit samples and their rate in Hz.

    Raises:
        ValueError: Nothing in the text can be spoken, or Pico does not have the voice.
    """
    return phonemes.speak(phrases(text), name, settings)


def phrases(text: str) -> list[Phrase]:
    """Split a text at its punctuation into phrases of words; empty if there is nothing to speak."""
    found = []
    for clause in _CLAUSE.finditer(text):
        words = _attach_unstressed(word for sounds in ipa(clause[1], "nl").split() if (word := x_sampa(sounds)))
        mark = clause[2][:1]
        if words:
            found.append(Phrase(words, _MARKS.get(mark, mark)))
    return found


def _attach_unstressed(words: Iterable[str]) -> tuple[str, ...]:
    """Join unstressed words to the stressed word after them: `van de lijn` has one stress and no gap."""
    found, before = [], ""
    for word in words:
        before += word
        if _STRESSED in word:
            found.append(before)
            before = ""
    return (*found, before) if before else tuple(found)


def x_sampa(sounds: str) -> str:
    """Convert a word to the sounds of the German voice, with the stress mark before its syllable.

    Sounds that are not in the table are dropped: espeak-ng may detect words of any language in a text.
    """
    word: list[str] = []
    for sound in sounds.split(SEPARATOR):
        stress = _STRESS.get(sound[:1])
        phones = SOUNDS.get(sound if stress is None else sound[1:], "").split()
        if stress and phones:
            word.insert(_onset(word), stress)
        word += phones
    return "".join(word)


def _onset(before: Sequence[str]) -> int:
    """Return where the syllable of the next vowel begins: it takes as many consonants as can begin a word."""
    place = len(before)
    while place and before[place - 1] not in _VOWELS and _can_begin(before[place - 1 :]):
        place -= 1
    return place


def _can_begin(consonants: Sequence[str]) -> bool:
    return len(consonants) == 1 or "".join(consonants) in _BEGINNINGS.split()
