"""Arabic for the MBROLA voices ar1 and ar2: the sounds of a text in MBROLA's `.pho` format.

A line has a sound, its length in ms, and pitch points (per cent of the length, Hz). Lengths and melody are those that
measured best: slow, with a lively pitch that falls over each phrase, and no gaps between words.
"""

from __future__ import annotations

from collections.abc import Iterator

from prompts.voices.arabic.sounds import EMPHATICS, Phone
from prompts.voices.arabic.text import Phrase, phrases

SLOWNESS = 1.4
"""Factor for all lengths."""
PITCH, FALL, RISE = 125, 40, 10
"""In Hz: pitch at the beginning of a phrase, its fall over the phrase, and the final rise if the sentence continues."""
ACCENT = 1.12
"""Factor for the pitch of a stressed vowel."""
PAUSE = {",": 330, ".": 330, "?": 330, "!": 330}
"""Pause in ms after each phrase but the last."""

_VOWEL = {False: 80, True: 165}
_CONSONANT = {
    "t": 85, "k": 90, "q": 95, "b": 75, "d": 70, "t.": 90, "d.": 80, "?": 60, "s": 110, "s.": 115, "S": 115, "x": 100,
    "X": 100, "H": 85, "h": 75, "f": 100, "T": 95, "D": 75, "z": 85, "z.": 85, "Z": 85, "G": 80, "r": 55, "l": 65,
    "m": 70, "n": 65, "w": 65, "j": 65, "g": 75,
}  # fmt: skip
_MISSING = {"g": "k"}
"""Substitutes for sounds that the Arabic voices lack."""


def mbrola(text: str) -> str:
    """Return the `.pho` form of a text.

    Raises:
        ValueError: The text contains nothing that can be spoken.
    """
    found = phrases(text)
    lines = ["_ 60"]
    for number, phrase in enumerate(found):
        lines += _phrase(phrase)
        lines.append(f"_ {PAUSE[phrase.mark] if number < len(found) - 1 else 150}")
    return "\n".join(lines) + "\n"


def _phrase(phrase: Phrase) -> Iterator[str]:
    phones = [phone for word in phrase.words for phone in word]
    continues = phrase.mark == ","
    for place, phone in enumerate(phones):
        along = place / max(1, len(phones) - 1)
        pitch = PITCH - FALL * along * (0.55 if continues else 1)
        if phrase.mark == "?" and along > 0.8:
            pitch += 2 * FALL
        elif continues and place >= len(phones) - 2:
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
    if phone.long:  # repeated: the voice has no doubled consonants
        yield f"{symbol} {0.95 * length:.0f}"
        yield f"{symbol} {0.75 * length:.0f} 50 {pitch:.0f}"
    else:
        yield f"{symbol} {length:.0f}"
