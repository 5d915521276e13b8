"""Vosk's library, as much of it as is used.

The package `vosk` brings the library (libvosk.so). Its Python module is not imported: it needs four other packages, for
downloads and subtitles. A recogniser releases the interpreter's lock while it computes.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Collection
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

RATE = 8_000
"""Hz of a telephone line; a model resamples what it needs."""
UNKNOWN = ("[unk]", "<UNK>", "<unk>")
"""Names of an unknown word; each model has one of these."""

_QUIET = -1


class VoskError(Exception):
    """Vosk cannot be used; the message says why, and what to do, in one clause."""


class Word(NamedTuple):
    """A recognised word: when it was said, in seconds of the utterance, and how sure the recogniser is, up to 1."""

    text: str
    start: float
    end: float
    confidence: float


@lru_cache
def _library() -> ctypes.CDLL:
    found = find_spec("vosk")
    if found is None or not found.submodule_search_locations:
        raise VoskError("the package vosk is not installed; install requirements/speech.txt")
    try:
        library = ctypes.CDLL(str(Path(found.submodule_search_locations[0]) / "libvosk.so"))
    except OSError as error:
        raise VoskError(f"its library cannot be loaded ({error}); install requirements/speech.txt again") from None
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, answer, arguments in (
        ("vosk_set_log_level", None, (number,)),
        ("vosk_model_new", handle, (text,)),
        ("vosk_model_free", None, (handle,)),
        ("vosk_model_find_word", number, (handle, text)),
        ("vosk_recognizer_new", handle, (handle, ctypes.c_float)),
        ("vosk_recognizer_new_grm", handle, (handle, ctypes.c_float, text)),
        ("vosk_recognizer_set_words", None, (handle, number)),
        ("vosk_recognizer_accept_waveform", number, (handle, text, number)),
        ("vosk_recognizer_result", text, (handle,)),
        ("vosk_recognizer_final_result", text, (handle,)),
        ("vosk_recognizer_free", None, (handle,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments
    library.vosk_set_log_level(_QUIET)
    return library


class Model:
    """A loaded model. Processes that are forked afterwards share its memory."""

    def __init__(self, folder: Path) -> None:
        """Raises VoskError: it cannot be loaded."""
        self._library = _library()
        self.handle = self._library.vosk_model_new(str(folder).encode())
        if not self.handle:
            raise VoskError(f"{folder} is not a model of Vosk's, or a damaged one; install it again")

    def knows(self, word: str) -> bool:
        """Return whether the model knows a word; it cannot hear any other."""
        return bool(self._library.vosk_model_find_word(self.handle, word.encode()) >= 0)

    @property
    def unknown(self) -> str | None:
        """The word by which the model reports what it does not know."""
        return next((word for word in UNKNOWN if self.knows(word)), None)

    def close(self) -> None:
        """Free its memory."""
        self._library.vosk_model_free(self.handle)


class Recogniser:
    """Hears one utterance, 16 bit at `rate`. `phrases`: all that it may hear; None: anything."""

    def __init__(self, model: Model, phrases: Collection[str] | None = None, rate: int = RATE) -> None:
        self._library = _library()
        if phrases is None:
            self._handle = self._library.vosk_recognizer_new(model.handle, float(rate))
        else:
            unknown = model.unknown
            grammar = json.dumps([*phrases, *([unknown] if unknown else [])], ensure_ascii=False)
            self._handle = self._library.vosk_recognizer_new_grm(model.handle, float(rate), grammar.encode())
        if not self._handle:
            raise VoskError("no recogniser could be made; the model may not allow limited words")
        self._library.vosk_recognizer_set_words(self._handle, 1)

    def feed(self, sound: bytes) -> list[Word]:
        """Take more sound; return the words of a part that it ended."""
        if self._library.vosk_recognizer_accept_waveform(self._handle, sound, len(sound)) > 0:
            return _words(self._library.vosk_recognizer_result(self._handle))
        return []

    def end(self) -> list[Word]:
        """Return the words of what was not returned yet."""
        return _words(self._library.vosk_recognizer_final_result(self._handle))

    def close(self) -> None:
        """Free its memory."""
        if self._handle:
            self._library.vosk_recognizer_free(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.close()


def _words(answer: bytes) -> list[Word]:
    found = json.loads(answer).get("result", [])
    return [Word(word["word"], word["start"], word["end"], word["conf"]) for word in found]
