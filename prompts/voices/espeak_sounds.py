"""Texts to sounds by espeak-ng's rules of pronunciation."""

from __future__ import annotations

import ctypes
import re
import tempfile
from functools import cache
from pathlib import Path

from prompts.voices import espeak_library

SEPARATOR = "_"
"""Between two sounds of a word."""

_SYNCHRONOUS, _UTF8, _IPA = 2, 1, 2
_OTHER_LANGUAGE = re.compile(r"\([a-z-]+\)")

_scratch = tempfile.TemporaryDirectory(prefix="hatif-voice-")
"""Kept, since espeak-ng reads a language's data when it is first spoken."""


@cache
def _library() -> ctypes.CDLL:
    library, data = espeak_library.load(Path(_scratch.name))
    if library.espeak_Initialize(_SYNCHRONOUS, 0, bytes(data), 0) <= 0:
        raise ValueError("espeak-ng could not be started; reinstall espeakng-loader")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return library


def ipa(clause: str, language: str) -> str:
    """Return espeak-ng's sounds of a clause: words separated by spaces, sounds by `_`, stress before its vowel.

    Raises:
        ValueError: espeak-ng does not have the language.
    """
    library = _library()
    if library.espeak_SetVoiceByName(language.encode()):
        raise ValueError(f"espeak-ng has no {language}; reinstall espeakng-loader")
    rest = ctypes.c_char_p(clause.encode())
    found = []
    while rest.value is not None:
        spoken = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA | ord(SEPARATOR) << 8)
        found.append(spoken.decode())
    return _OTHER_LANGUAGE.sub("", " ".join(found))
