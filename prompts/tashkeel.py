"""Draft the vowels of Arabic texts for a translator to check; doubtful words are marked.

A model assigns probabilities to the marks of each letter (`vowel_model.py`); forms that occur in the site's released
texts are preferred. One wrong word in five is not among the words that a draft marks as doubtful
(docs/decisions/0013-tashkeel.md), so no draft is spoken before a person has released it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from prompts import vowels
from prompts.vowels import DAMMA, FATHA, KASRA, SHADDA, SUKUN

SURE = 0.85
"""Minimum probability of each letter of a word; below it the word is marked as doubtful."""

Chances = Mapping[str, float]
"""The probability of each combination of marks on one letter; their sum is 1."""

_KNOWN_STEM, _KNOWN_FORM = 4.0, 3.0
"""Bonus of a word over the model's own guess, in nats: if the texts have its stem with another ending, and more if they
have this form."""
_LEAST = 1e-3
_SMALL_ALEF = "\u0670"
_BORROWED = re.compile("[\u067e\u0686\u06a4\u06ad\u06af]")
_ARTICLE = re.compile(f"ال({SUKUN}|{KASRA}ا|[{vowels.LETTERS}][{vowels.MARKS}]*{SHADDA})")
_PLURAL = re.compile(f"[كهت]{DAMMA}م{SUKUN}")
_PHRASE_ENDS = tuple(".،؟!؛:")
_OTHER = re.compile("[^\\W\\d_\u0600-\u06ff]+")


class Doubt(StrEnum):
    """Why a word of a draft is doubtful."""

    ENDING = "its ending"
    VOWELS = "its vowels"
    FOREIGN = "foreign"


class Model(Protocol):
    """A model of the probabilities of vowel marks."""

    def chances(self, text: str) -> Sequence[Chances]:
        """Return the chances for each character of a text without vowels; empty if it is not a letter."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a draft."""

    at: int  # offset in the given text
    written: str
    drafted: str
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A text with vowels; `words` are those that lacked some of them."""

    written: str
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return self._joined("{}", "{}")

    @property
    def marked(self) -> str:
        """The text with [brackets] around each doubtful word."""
        return self._joined("{}", "[{}]")

    @property
    def unsure(self) -> tuple[Word, ...]:
        return tuple(word for word in self.words if word.doubt)

    def _joined(self, sure: str, unsure: str) -> str:
        parts, end = [], 0
        for word in self.words:
            parts += [self.written[end : word.at], (unsure if word.doubt else sure).format(word.drafted)]
            end = word.at + len(word.written)
        return "".join([*parts, self.written[end:]])


class Memory:
    """The words of texts vowelled by people."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms: dict[str, set[str]] = {}
        for text in texts:
            for word in vowels.WORD.findall(unicodedata.normalize("NFC", text)):
                if not vowels.unmarked(word):
                    self._forms.setdefault(vowels.bare(word), set()).add(word)

    def forms(self, word: str) -> frozenset[str]:
        """Return all known vowelled forms of a word given without vowels."""
        return frozenset(self._forms.get(word, ()))


def draft(text: str, model: Model, memory: Memory) -> Draft:
    """Add vowels to every Arabic word that lacks them; existing marks and everything else stay unchanged."""
    text = unicodedata.normalize("NFC", text)
    words = [Word(match.start(), match.group(), match.group(), Doubt.FOREIGN) for match in _OTHER.finditer(text)]
    found = [(match.start(), match.group()) for match in vowels.WORD.finditer(text)]
    chances = _by_place(text, model) if any(vowels.unmarked(word) for _, word in found) else []
    for here, (at, written), (following_at, following) in zip(chances, found, [*found[1:], (0, "")], strict=False):
        if not vowels.is_arabic(written):
            words.append(Word(at, written, written, Doubt.FOREIGN))
        elif vowels.unmarked(written):
            letters = _best(written, here, memory.forms(vowels.bare(written)))
            is_joined = following.startswith("ا") and text[at + len(written) : following_at] == " "
            may_change_end = is_joined and not written.endswith(SUKUN)
            drafted = _before_wasl(_word(letters), following) if may_change_end else _word(letters)
            words.append(Word(at, written, _at_start(drafted, text[:at]), _doubt(written, letters, here)))
    return Draft(text, tuple(sorted(words, key=lambda word: word.at)))


def _by_place(text: str, model: Model) -> list[list[Chances]]:
    """Return the chances of each letter, word by word, limited to those that agree with the text's own marks."""
    bare = vowels.bare(text)
    given = model.chances(bare)
    words = []
    for bare_word, word in zip(vowels.WORD.finditer(bare), vowels.WORD.finditer(text), strict=True):
        letters = vowels.letters(word.group()) if vowels.is_arabic(word.group()) else []
        words.append([_agreeing(given[bare_word.start() + place], letter) for place, letter in enumerate(letters)])
    return words


def _agreeing(chances: Chances, letter: vowels.Letter) -> Chances:
    if letter.marks.replace(SHADDA, ""):
        return {letter.marks: 1.0}
    wanted = {marks: chance for marks, chance in chances.items() if not letter.marks or letter.marks in marks}
    total = sum(wanted.values())
    return {marks: chance / total for marks, chance in wanted.items()} if total else {letter.marks: 0.0}


def _best(written: str, chances: Sequence[Chances], forms: Iterable[str]) -> list[vowels.Letter]:
    """Return the likeliest letters: the model's own guess, or a known word with any ending."""
    letters = vowels.letters(written)
    own = _decoded(letters, chances)
    scored = [(_score(own, chances), own)]
    for form in sorted(forms):
        known = vowels.letters(form)
        if len(known) != len(letters) or not _keeps(letters, known):
            continue
        scored.append((_score(known, chances) + _KNOWN_STEM + _KNOWN_FORM, known))
        last = known[-1]
        for marks in chances[-1]:
            if (SHADDA in marks) == (SHADDA in last.marks) and marks.replace(SHADDA, "") and last.marks:
                ended = [*known[:-1], vowels.Letter(last.letter, marks, last.at)]
                scored.append((_score(ended, chances) + _KNOWN_STEM, ended))
    return max(scored, key=lambda candidate: candidate[0])[1]


def _decoded(letters: Sequence[vowels.Letter], chances: Sequence[Chances]) -> list[vowels.Letter]:
    """Return the model's own guess; where a mark is required, the likeliest mark."""
    likeliest = [
        _with_marks(letter, max(here, key=lambda marks: here[marks]))
        for letter, here in zip(letters, chances, strict=True)
    ]
    wanting = {letter.at for letter in vowels.unmarked(_word(likeliest))}
    decoded, at = [], 0
    for letter, here in zip(likeliest, chances, strict=True):
        vowelled = {marks: chance for marks, chance in here.items() if marks.replace(SHADDA, "")}
        better = max(vowelled, key=lambda marks: vowelled[marks]) if at in wanting and vowelled else letter.marks
        at += len(letter.letter + letter.marks)
        decoded.append(_with_marks(letter, better))
    return decoded


def _word(letters: Iterable[vowels.Letter]) -> str:
    return "".join(letter.letter + letter.marks for letter in letters)


def _with_marks(letter: vowels.Letter, marks: str) -> vowels.Letter:
    return vowels.Letter(letter.letter, marks, letter.at)


def _keeps(written: Sequence[vowels.Letter], form: Sequence[vowels.Letter]) -> bool:
    """Return whether a known word has the marks that are already written."""
    return all(not here.marks or set(here.marks) <= set(there.marks) for here, there in zip(written, form, strict=True))


def _score(letters: Sequence[vowels.Letter], chances: Sequence[Chances]) -> float:
    return sum(math.log(_chance(letter.marks, here) + _LEAST) for letter, here in zip(letters, chances, strict=True))


def _chance(marks: str, chances: Chances) -> float:
    """Return the probability of the marks; a small alef counts as the fatha that it stands for."""
    return max(chances.get(marks, 0.0), chances.get(FATHA, 0.0) if marks == _SMALL_ALEF else 0.0)


def _doubt(written: str, letters: Sequence[vowels.Letter], chances: Sequence[Chances]) -> Doubt | None:
    if _BORROWED.search(written):
        return Doubt.FOREIGN
    sure = [_chance(letter.marks, here) for letter, here in zip(letters, chances, strict=True)]
    if min(sure[:-1], default=1.0) < SURE:
        return Doubt.VOWELS
    return Doubt.ENDING if sure[-1] < SURE else None


def _at_start(word: str, before: str) -> str:
    """Write the article's fatha at the beginning of a phrase."""
    is_start = not before.strip() or before.rstrip().endswith(_PHRASE_ENDS)
    return f"ا{FATHA}{word[1:]}" if is_start and _ARTICLE.match(word) else word


def _before_wasl(word: str, following: str) -> str:
    """Give a word without a final vowel a helping one: two consonants do not meet."""
    if not word.endswith(SUKUN):
        return word
    if _PLURAL.search(word[-4:]):
        return word[:-1] + DAMMA
    return word[:-1] + (FATHA if vowels.bare(word) == "من" and following.startswith("ال") else KASRA)
