"""Texts in languages of the Latin alphabet to the model's symbols, through espeak-ng's rules of pronunciation."""

from __future__ import annotations

import ctypes
import re
import tempfile
from functools import cache
from pathlib import Path

from prompts.voices import espeak_library

VOICES = {"de": "de", "en": "en", "es": "es", "fr": "fr", "it": "it", "nl": "nl"}
"""espeak-ng's voice for each language."""

_TIED = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y",
}  # fmt: skip
"""Two letters that are one symbol of the model."""
_SINGLE = {"g": "ɡ", "ɵ": "œ", "ʏ": "y", "^": "", "-": "", "\u0329": "", "\u032f": "", "\u0361": ""}
"""What espeak-ng writes and the model does not have, and what takes its place."""
_CLAUSE = re.compile(r"(.+?)(?:([,.;:?!…]+)(?=[\s\"»”’)]|$)|\s[–—-]\s|[()«»“”]|$)", re.S)
_SYNCHRONOUS, _UTF8, _IPA, _TIE = 2, 1, 2, 0x80
_OTHER_LANGUAGE = re.compile(r"\([a-z-]+\)")
_scratch = tempfile.TemporaryDirectory(prefix="hatif-voice-")


@cache
def _library() -> ctypes.CDLL:
    library, data = espeak_library.load(Path(_scratch.name))
    if library.espeak_Initialize(_SYNCHRONOUS, 0, bytes(data), 0) <= 0:
        raise ValueError("espeak-ng could not be started; reinstall espeakng-loader")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return library


def symbols(text: str, language: str) -> str:
    """Return the model's symbols for a text; empty if there is nothing to speak.

    Raises:
        ValueError: espeak-ng does not have the language.
    """
    library = _library()
    if library.espeak_SetVoiceByName(VOICES[language].encode()):
        raise ValueError(f"espeak-ng has no {language}; reinstall espeakng-loader")
    found = []
    for clause in _CLAUSE.finditer(" ".join(text.split())):
        spoken = _from_espeak(_ipa(library, clause[1])).strip()
        if spoken:
            found.append(spoken + (clause[2] or ",")[:1])
    return " ".join(found).rstrip(",") + ("." if found and found[-1].endswith(",") else "")


def _ipa(library: ctypes.CDLL, clause: str) -> str:
    rest = ctypes.c_char_p(clause.encode())
    found = []
    while rest.value is not None:
        spoken = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA | _TIE | ord("^") << 8)
        found.append(spoken.decode())
    return _OTHER_LANGUAGE.sub("", " ".join(found))


def _from_espeak(ipa: str) -> str:
    for tied, symbol in _TIED.items():
        ipa = ipa.replace(tied, symbol)
    for letter, symbol in _SINGLE.items():
        ipa = ipa.replace(letter, symbol)
    return " ".join(ipa.split())
