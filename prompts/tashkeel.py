"""Drafts the vowels of Arabic texts, for a translator to check: what it is unsure of is named.

A model gives each letter's marks a probability (`vowel_model.py`); words that the site's released texts have already
are preferred as they are there. One wrong word in five is not among those that a draft names
(docs/decisions/0013-tashkeel.md): no draft is spoken before a person has released it.
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
"""The probability that every letter of a word must have for the word not to be named."""

Chances = Mapping[str, float]
"""The probability of each combination of marks on one letter; together 1."""

_KNOWN_STEM, _KNOWN_FORM = 4.0, 3.0
"""What a word gains over the model's own idea, in nats, if the texts have it with another ending, and if just so."""
_LEAST = 1e-3
_SMALL_ALEF = "\u0670"
_BORROWED = re.compile("[\u067e\u0686\u06a4\u06ad\u06af]")
_ARTICLE = re.compile(f"ال({SUKUN}|{KASRA}ا|[{vowels.LETTERS}][{vowels.MARKS}]*{SHADDA})")
_PLURAL = re.compile(f"[كهت]{DAMMA}م{SUKUN}")
_PHRASE_ENDS = tuple(".،؟!؛:")
_OTHER = re.compile("[^\\W\\d_\u0600-\u06ff]+")


class Doubt(StrEnum):
    """Why a word of a draft is named."""

    ENDING = "its ending"
    VOWELS = "its vowels"
    FOREIGN = "foreign"


class Model(Protocol):
    """What knows how likely the marks of a letter are."""

    def chances(self, text: str) -> Sequence[Chances]:
        """For each character of a text without vowels; empty for what is no letter."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a draft."""

    at: int  # its place in the text that was given
    written: str
    drafted: str
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A text with its vowels; `words` are those that had not all of them before."""

    written: str
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return self._joined("{}", "{}")

    @property
    def marked(self) -> str:
        """The text with [brackets] around each word that a person has to look at first."""
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
    """The words of texts that people have vowelled."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms: dict[str, set[str]] = {}
        for text in texts:
            for word in vowels.WORD.findall(unicodedata.normalize("NFC", text)):
                if not vowels.unmarked(word):
                    self._forms.setdefault(vowels.bare(word), set()).add(word)

    def forms(self, word: str) -> frozenset[str]:
        """All that this word, given without vowels, has been so far."""
        return frozenset(self._forms.get(word, ()))


def draft(text: str, model: Model, memory: Memory) -> Draft:
    """Every Arabic word that lacks vowels gets them; the marks that are there stay, and so does all else."""
    text = unicodedata.normalize("NFC", text)
    words = [Word(each.start(), each.group(), each.group(), Doubt.FOREIGN) for each in _OTHER.finditer(text)]
    found = [(each.start(), each.group()) for each in vowels.WORD.finditer(text)]
    chances = _by_place(text, model) if any(vowels.unmarked(word) for _, word in found) else []
    for here, (at, written), (following_at, following) in zip(chances, found, [*found[1:], (0, "")], strict=False):
        if not vowels.is_arabic(written):
            words.append(Word(at, written, written, Doubt.FOREIGN))
        elif vowels.unmarked(written):
            letters = _best(written, here, memory.forms(vowels.bare(written)))
            is_joined = following.startswith("ا") and text[at + len(written) : following_at] == " "
            is_ours = is_joined and not written.endswith(SUKUN)
            drafted = _before_wasl(_word(letters), following) if is_ours else _word(letters)
            words.append(Word(at, written, _at_start(drafted, text[:at]), _doubt(written, letters, here)))
    return Draft(text, tuple(sorted(words, key=lambda word: word.at)))


def _by_place(text: str, model: Model) -> list[list[Chances]]:
    """The chances of each letter, word by word: only what agrees with the marks that the text has."""
    bare = vowels.bare(text)
    given = model.chances(bare)
    words = []
    for bare_word, word in zip(vowels.WORD.finditer(bare), vowels.WORD.finditer(text), strict=True):
        letters = vowels.letters(word.group()) if vowels.is_arabic(word.group()) else []
        words.append([_agreeing(given[bare_word.start() + place], each) for place, each in enumerate(letters)])
    return words


def _agreeing(chances: Chances, letter: vowels.Letter) -> Chances:
    if letter.marks.replace(SHADDA, ""):
        return {letter.marks: 1.0}
    wanted = {marks: chance for marks, chance in chances.items() if not letter.marks or letter.marks in marks}
    total = sum(wanted.values())
    return {marks: chance / total for marks, chance in wanted.items()} if total else {letter.marks: 0.0}


def _best(written: str, chances: Sequence[Chances], forms: Iterable[str]) -> list[vowels.Letter]:
    """The likeliest letters: as the model has them, or a word that is known, with whatever ending."""
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
    return max(scored, key=lambda each: each[0])[1]


def _decoded(letters: Sequence[vowels.Letter], chances: Sequence[Chances]) -> list[vowels.Letter]:
    """The model's own idea; where a mark has to be, the likeliest that is one."""
    likeliest = [
        _with_marks(each, max(here, key=lambda marks: here[marks])) for each, here in zip(letters, chances, strict=True)
    ]
    wanting = {each.at for each in vowels.unmarked(_word(likeliest))}
    decoded, at = [], 0
    for letter, here in zip(likeliest, chances, strict=True):
        vowelled = {marks: chance for marks, chance in here.items() if marks.replace(SHADDA, "")}
        better = max(vowelled, key=lambda marks: vowelled[marks]) if at in wanting and vowelled else letter.marks
        at += len(letter.letter + letter.marks)
        decoded.append(_with_marks(letter, better))
    return decoded


def _word(letters: Iterable[vowels.Letter]) -> str:
    return "".join(each.letter + each.marks for each in letters)


def _with_marks(letter: vowels.Letter, marks: str) -> vowels.Letter:
    return vowels.Letter(letter.letter, marks, letter.at)


def _keeps(written: Sequence[vowels.Letter], form: Sequence[vowels.Letter]) -> bool:
    """Whether a known word has the marks that are already there."""
    return all(not here.marks or set(here.marks) <= set(there.marks) for here, there in zip(written, form, strict=True))


def _score(letters: Sequence[vowels.Letter], chances: Sequence[Chances]) -> float:
    return sum(math.log(_chance(each.marks, here) + _LEAST) for each, here in zip(letters, chances, strict=True))


def _chance(marks: str, chances: Chances) -> float:
    """The small alef is the a that it stands for."""
    return max(chances.get(marks, 0.0), chances.get(FATHA, 0.0) if marks == _SMALL_ALEF else 0.0)


def _doubt(written: str, letters: Sequence[vowels.Letter], chances: Sequence[Chances]) -> Doubt | None:
    if _BORROWED.search(written):
        return Doubt.FOREIGN
    sure = [_chance(each.marks, here) for each, here in zip(letters, chances, strict=True)]
    if min(sure[:-1], default=1.0) < SURE:
        return Doubt.VOWELS
    return Doubt.ENDING if sure[-1] < SURE else None


def _at_start(word: str, before: str) -> str:
    """The article has its a where a phrase begins."""
    is_start = not before.strip() or before.rstrip().endswith(_PHRASE_ENDS)
    return f"ا{FATHA}{word[1:]}" if is_start and _ARTICLE.match(word) else word


def _before_wasl(word: str, following: str) -> str:
    """Two sounds without a vowel do not meet: the first gets a helping one."""
    if not word.endswith(SUKUN):
        return word
    if _PLURAL.search(word[-4:]):
        return word[:-1] + DAMMA
    return word[:-1] + (FATHA if vowels.bare(word) == "من" and following.startswith("ال") else KASRA)
