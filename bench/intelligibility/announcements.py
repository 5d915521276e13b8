"""The measured announcements, by the ids of the example site's catalogues, so that figures compare.

Two short lists are written out. Two longer ones are drawn from all texts by a seed: the hash of a text's id decides to
which it belongs, so a text never changes its list when others come or go.
"""

import hashlib
from collections import Counter

from bench.intelligibility.errors import normalize
from prompts.catalogue import Catalogues

TYPICAL = (
    "institution",
    "main_file",
    "main_documents",
    "documents_civil",
    "closed_holiday",
    "help_silence",
    "to_operator",
    "wait",
    "wait_about_5",
    "case_ask_reference",
    "case_state_incomplete",
    "guide_passport_where",
)
"""The announcements that most callers hear: short and long, menus and sentences. Voices are tuned on these."""

HELD_OUT = (
    "documents_travel",
    "main_complaint",
    "documents_papers",
    "operator_gone",
    "fallback_nobody",
    "case_no_match",
    "missing_birth_record",
    "record_thanks",
    "callback_noted",
    "goodbye",
    "guide_registration_documents_1",
    "guide_certificates_where",
)
"""Held out: nothing may be tuned on them."""

SEED = "arabic"
"""Of the two lists that follow."""
_APART, _TUNING = range(20), range(25, 45)
"""The hundredths of all texts in the list kept apart and in the one for tuning; the rest is in neither."""
_LETTERS = range(20, 121)
"""The length of a drawn text in the language: a recogniser performs worst on short ones."""
_OF_A_KIND = 4
"""So many texts whose ids begin with the same word, but for the guide's: there are 48 of times of day alone."""


def kept_apart(texts: Catalogues, language: str) -> list[str]:
    """Return the ids of the texts that judge a voice: nobody who tunes it may look at them."""
    return _drawn(texts, language, _APART)


def tuning(texts: Catalogues, language: str) -> list[str]:
    """Return the ids of the texts on which a voice may be tuned, in an order without meaning."""
    return _drawn(texts, language, _TUNING)


def _drawn(texts: Catalogues, language: str, places: range) -> list[str]:
    kinds: Counter[str] = Counter()
    found = []
    for prompt in sorted(texts.ids, key=_digest):
        text = texts.text(language, prompt)
        if text is None or prompt in TYPICAL + HELD_OUT or len(normalize(text)) not in _LETTERS:
            continue
        if int.from_bytes(_digest(prompt)[:4]) % 100 not in places:
            continue
        kind = prompt.partition("_")[0]
        kinds[kind] += 1
        if kind == "guide" or kinds[kind] <= _OF_A_KIND:
            found.append(prompt)
    return found


def _digest(prompt: str) -> bytes:
    return hashlib.sha256(f"{SEED}:{prompt}".encode()).digest()
