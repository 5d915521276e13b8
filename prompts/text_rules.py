"""Rules for texts that a voice can speak: one script, words only, short enough."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

from babel.core import get_global

from prompts import vowels

LONGEST_TEXT = 1_000
"""In characters: a minute and a half of speech; no caller listens longer to one prompt."""

_MARKUP = re.compile(r"[<>&{}\[\]*_#|\\`~^=@$]|https?:|%[sd(]")
_ODD = re.compile(f"[^{vowels.LETTERS}{vowels.TATWEEL}]")
_UNSAYABLE = {"So", "Sm", "Sc", "Sk", "Me", "Co", "Cs", "Cn"}
_EMOJI_SIGN = "\ufe0f"
_NAMED = 8
"""Maximum number of words listed in a finding; the others are counted."""
_KNOWN = 10_000
"""Texts whose findings are remembered: each change of a site has all its texts examined."""
_SCRIPT_NAMES = {
    "Arab": "ARABIC",
    "Armn": "ARMENIAN",
    "Cyrl": "CYRILLIC",
    "Ethi": "ETHIOPIC",
    "Geor": "GEORGIAN",
    "Grek": "GREEK",
    "Hebr": "HEBREW",
    "Latn": "LATIN",
    "Tfng": "TIFINAGH",
}
"""ISO 15924 code to the first word of the Unicode names of that script's letters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with a text; if the code begins with E, the text cannot be spoken."""

    code: str
    found: str
    remedy: str


@functools.cache
def script_of(language: str) -> str | None:
    """Return the first word of the Unicode names of a language's letters; None if unknown.

    The script comes from CLDR (through Babel), so a language added later needs no entry here.
    """
    likely = get_global("likely_subtags").get(language.partition("_")[0], "")
    return next((_SCRIPT_NAMES.get(part) for part in likely.split("_") if len(part) == 4), None)


def findings(text: str, language: str) -> list[Finding]:
    """Return the problems that prevent a text from being spoken (E_…) or make it sound worse (W_…)."""
    return list(_findings(text, language))


@functools.lru_cache(_KNOWN)
def _findings(text: str, language: str) -> tuple[Finding, ...]:
    found = []
    if len(text) > LONGEST_TEXT:
        found.append(
            Finding("E_TEXT_LONG", f"{len(text)} characters", f"split it; a prompt has at most {LONGEST_TEXT}")
        )
    if text != text.strip() or "  " in text:
        found.append(Finding("W_TEXT_SPACE", "leading, trailing or double spaces", "remove them"))
    different = set(text)
    if invisible := [letter for letter in different if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")]:
        names = ", ".join(sorted({f"U+{ord(letter):04X}" for letter in invisible}))
        found.append(Finding("E_TEXT_CONTROL", f"an invisible or control character ({names})", "remove it"))
    if symbols := sorted(letter for letter in different if _is_symbol(letter)):
        found.append(
            Finding("E_TEXT_SYMBOL", f"{' '.join(map(_shown, symbols))}, which no voice can read", "use words")
        )
    if markup := _MARKUP.search(text):
        found.append(Finding("E_TEXT_MARKUP", f"markup or a symbol ({markup.group()})", "write it out in words"))
    return (*found, *_script(text, language))


def _is_symbol(letter: str) -> bool:
    return letter == _EMOJI_SIGN or (unicodedata.category(letter) in _UNSAYABLE and not _MARKUP.match(letter))


def _shown(letter: str) -> str:
    alone = letter.isprintable() and not unicodedata.category(letter).startswith("M")
    return letter if alone else f"U+{ord(letter):04X}"


def _script(text: str, language: str) -> list[Finding]:
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return [Finding("E_TEXT_SCRIPT", "no letters", "write the text out in words")]
    script = script_of(language)
    if script is None:
        return []
    found = []
    others = {letter for letter in set(letters) if not unicodedata.name(letter, "").startswith(script)}
    if foreign := "".join(letter for letter in letters if letter in others):
        remedy = f"write it in the {script.capitalize()} script"
        found.append(Finding("E_TEXT_SCRIPT", f"letters of another script ({foreign[:20]})", remedy))
    if language.partition("_")[0] == "ar":
        found += _arabic(text, "".join(letter for letter in letters if letter not in foreign))
    return found


def _arabic(text: str, letters: str) -> list[Finding]:
    found = []
    if odd := "".join(dict.fromkeys(_ODD.findall(letters))):
        names = " ".join(f"{letter} U+{ord(letter):04X}" for letter in odd[:5])
        remedy = "type it with an Arabic keyboard"
        found.append(Finding("E_TEXT_SCRIPT", f"letters that are not Arabic ({names})", remedy))
    if words := vowels.unvowelled(text):
        remedy = "write it with its vowels; without them it is mispronounced"
        found.append(Finding("W_TEXT_VOWELS", _without_vowels(words), remedy))
    return found


def _without_vowels(words: list[str]) -> str:
    none = [word for word in words if word == vowels.bare(word)]
    some = [word for word in words if word not in none]
    named = [f"{_listed(none)} without vowels"] if none else []
    return " and ".join([*named, *([f"{_listed(some)} without some of its vowels"] if some else [])])


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more
