"""The sounds of an Arabic text as the MBROLA voices ar1 and ar2 are told them: a `.pho` text.

A line is a sound, its milliseconds, and points of the melody (per cent of its length, Hz). Lengths and melody are the
measured best: slow, a lively pitch that falls over each phrase, no gaps between words.
"""

from __future__ import annotations

from collections.abc import Iterator

from prompts.voices.arabic.sounds import EMPHATICS, Phone
from prompts.voices.arabic.text import Phrase, phrases

SLOWNESS = 1.4
"""All lengths are multiplied by it."""
PITCH, FALL, RISE = 125, 40, 10
"""Hz: at the beginning of a phrase, what it falls by, what a phrase rises by at its end where the sentence goes on."""
ACCENT = 1.12
"""The pitch of a stressed vowel against the line of the phrase."""
PAUSE = {",": 330, ".": 330, "?": 330, "!": 330}
"""ms, after a phrase that is not the last one."""

_VOWEL = {False: 80, True: 165}
_CONSONANT = {
    "t": 85, "k": 90, "q": 95, "b": 75, "d": 70, "t.": 90, "d.": 80, "?": 60, "s": 110, "s.": 115, "S": 115, "x": 100,
    "X": 100, "H": 85, "h": 75, "f": 100, "T": 95, "D": 75, "z": 85, "z.": 85, "Z": 85, "G": 80, "r": 55, "l": 65,
    "m": 70, "n": 65, "w": 65, "j": 65, "g": 75,
}  # fmt: skip
_MISSING = {"g": "k"}
"""Sounds that are in no Arabic voice."""


def mbrola(text: str) -> str:
    """The `.pho` text. ValueError: the text holds nothing that can be said."""
    found = phrases(text)
    lines = ["_ 60"]
    for number, phrase in enumerate(found):
        lines += _phrase(phrase)
        lines.append(f"_ {PAUSE[phrase.mark] if number < len(found) - 1 else 150}")
    return "\n".join(lines) + "\n"


def _phrase(phrase: Phrase) -> Iterator[str]:
    phones = [phone for word in phrase.words for phone in word]
    goes_on = phrase.mark == ","
    for place, phone in enumerate(phones):
        along = place / max(1, len(phones) - 1)
        pitch = PITCH - FALL * along * (0.55 if goes_on else 1)
        if phrase.mark == "?" and along > 0.8:
            pitch += 2 * FALL
        elif goes_on and place >= len(phones) - 2:
            pitch += RISE
        yield from _sound(phone, phones[place - 1] if place else None, pitch, final=place >= len(phones) - 3)


def _sound(phone: Phone, before: Phone | None, pitch: float, *, final: bool) -> Iterator[str]:
    if phone.is_vowel:
        length = SLOWNESS * _VOWEL[phone.long] * (1.12 if phone.stressed else 1) * (1.25 if final else 1)
        symbol = f"{phone.symbol}." if before and before.symbol in EMPHATICS else phone.symbol
        top = pitch * (ACCENT if phone.stressed else 1)
        yield f"{symbol} {length:.0f} 10 {top:.0f} 90 {0.96 * top:.0f}"
        return
    length = SLOWNESS * _CONSONANT[phone.symbol]
    symbol = _MISSING.get(phone.symbol, phone.symbol)
    if phone.long:  # said twice: the voice has no doubled consonants
        yield f"{symbol} {0.95 * length:.0f}"
        yield f"{symbol} {0.75 * length:.0f} 50 {pitch:.0f}"
    else:
        yield f"{symbol} {length:.0f}"
