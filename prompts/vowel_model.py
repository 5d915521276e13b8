"""`text2tashkeel`'s model of Arabic vowels, an optional dependency."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts import vowels

PACKAGE = "text2tashkeel==0.1.0"
MODEL = "rawi-v3-int8"
"""The package's most accurate model on the site's own texts: docs/decisions/0013-tashkeel.md."""

_NO_MARK = 0


class ModelError(RuntimeError):
    """The model cannot be used; the message says what to install."""


class Text2Tashkeel:
    """The model's probabilities; `text2tashkeel`'s own API returns its best guess only.

    The model may also add or remove a hamza, which is spelling here: only marks that keep the letter are considered.
    """

    def __init__(self) -> None:
        """Load the model.

        Raises:
            ModelError: The package is not installed, or its version is not supported.
        """
        try:
            from text2tashkeel import Diacritizer  # here, since it is optional

            backend: Any = Diacritizer(MODEL).backend
            self._session = backend.sess
            self._letters: Mapping[str, int] = backend.c2i
            self._classes: Mapping[int, str] = backend.i2d
            self._unknown: int = backend.unk
        except (ImportError, AttributeError, ValueError, OSError) as error:
            remedy = "install it with `.venv/bin/pip install --require-hashes -r requirements/tashkeel.txt`"
            raise ModelError(f"{PACKAGE}, which drafts vowels, cannot be used ({error}); {remedy}") from None
        self._marks = functools.cache(self._marks_on)

    def chances(self, text: str) -> Sequence[Mapping[str, float]]:
        """Return the probabilities of the marks on each character of a text without vowels."""
        bases = [unicodedata.normalize("NFD", letter)[0] for letter in text]
        if not bases:
            return []
        numbers = np.array([[self._letters.get(base, self._unknown) for base in bases]], dtype=np.int64)
        presence, value = self._session.run(["presence", "value"], {"input": numbers})
        marked = 1 / (1 + np.exp(-presence[0].reshape(-1)))
        which = np.exp(value[0] - value[0].max(-1, keepdims=True))
        which[:, _NO_MARK] = 0
        which *= (marked / which.sum(-1))[:, None]
        which[:, _NO_MARK] = 1 - marked
        return [self._of(letter, row) for letter, row in zip(text, which, strict=True)]

    def _of(self, letter: str, row: NDArray[Any]) -> Mapping[str, float]:
        marks = self._marks(letter)
        total = sum(float(row[number]) for number in marks.values())
        return {mark: float(row[number]) / total for mark, number in marks.items()} if total else {}

    def _marks_on(self, letter: str) -> Mapping[str, int]:
        """Return the classes that are marks on this letter and do not change the letter itself."""
        if not vowels.WORD.fullmatch(letter):
            return {}
        base = unicodedata.normalize("NFD", letter)[0]
        found = {}
        for number, marks in self._classes.items():
            written = unicodedata.normalize("NFC", base + marks)
            if written[0] == letter and written[1:] in _WRITTEN:
                found[written[1:]] = number
        return found


_VOWELS = "\u064b\u064c\u064d\u064e\u064f\u0650"
_WRITTEN = {
    "",
    vowels.SHADDA,
    vowels.SUKUN,
    "\u0670",
    *_VOWELS,
    *(unicodedata.normalize("NFC", vowel + vowels.SHADDA) for vowel in _VOWELS),
}
"""The marks that a letter may have, in NFC order."""
