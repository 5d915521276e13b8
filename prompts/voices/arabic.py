"""Vowelled Arabic as espeak-ng needs it written to say it less wrongly.

A stopgap of four spelling rules, each found in espeak-ng's own phonemes; a pronunciation of our own replaces it.
"""

from __future__ import annotations

import re
import unicodedata

FATHATAN, DAMMATAN, KASRATAN, FATHA, DAMMA, KASRA, SHADDA, SUKUN = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"
PAUSE = r"\s*(?:[،؛؟.,:;!?]|$)"

# Unicode's normal form puts the vowel before the shadda; espeak-ng then drops the vowel (ar-rqmi for ar-raqmi).
_VOWEL_SHADDA = re.compile(f"([{FATHATAN}-{KASRA}]){SHADDA}")
# The alef after the waw of a plural verb is written, not said (idghatuu, not idghatuu-aa).
_SILENT_ALEF = re.compile(f"{DAMMA}وا(?=\\W|$)")
# An alef right after i or u only carries the glottal stop of a pause; inside a phrase it is not said (bi-l-lugha,
# al-i-ntizaar).
_ELIDED_ALEF = re.compile(f"(?<=[{KASRA}{DAMMA}])ا")
# Before a pause a short ending is not said, and the feminine ending loses its t.
_SHORT_ENDING = re.compile(f"[{DAMMATAN}{KASRATAN}{FATHA}{DAMMA}{KASRA}](?={SHADDA}?{PAUSE})")
_FEMININE_ENDING = re.compile(f"ة{SUKUN}?(?={PAUSE})")


def for_espeak(text: str) -> str:
    """The same sentence, spelled for espeak-ng."""
    text = unicodedata.normalize("NFC", text)
    text = _SILENT_ALEF.sub(f"{DAMMA}و", text)
    text = _ELIDED_ALEF.sub("", text)
    text = _SHORT_ENDING.sub("", text)
    text = _FEMININE_ENDING.sub("", text)
    return _VOWEL_SHADDA.sub(f"{SHADDA}\\1", text)
