"""From vowelled Arabic to sounds.

The rules are those of modern standard Arabic read aloud: a sun letter assimilates the l of the article, an initial alef
is silent inside a phrase and shortens a long vowel before it, and short endings are dropped before a pause. Text
without vowels is read letter by letter with guessed vowels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from prompts.voices.arabic.letters import (
    ALEF,
    ALEF_MAKSURA,
    CONSONANTS,
    DAMMA,
    DAMMATAN,
    FATHA,
    FATHATAN,
    FEMININE,
    HAMZA_ABOVE,
    HAMZA_BELOW,
    KASRA,
    KASRATAN,
    SUKUN,
    SUN,
    Letter,
    letters,
)
from prompts.voices.arabic.sounds import Phone, Word, mark_coloured, mark_stress

_SHORT = {FATHA: "a", DAMMA: "u", KASRA: "i"}
_WITH_N = {FATHATAN: "a", DAMMATAN: "u", KASRATAN: "i"}
_GLIDES = {"w": "u", "j": "i"}
"""The vowels that و and ي lengthen."""
_PREFIXES = "وفبكل"
"""One-letter words that are written together with the next word."""
_UNWRITTEN_LONG_A = {
    "هذا": 0, "هذه": 0, "هذان": 0, "هذين": 0, "هكذا": 0, "هؤلاء": 0, "ذلك": 0, "ذلكم": 0, "لكن": 0, "لكنه": 0,
    "لكنها": 0, "لكنهم": 0, "لكنكم": 0, "إله": 1, "الرحمن": 4, "الله": 2, "لله": 1,
    "أولئك": 2,
}  # fmt: skip
"""Words with a long a that is usually not written, and the index of the letter that it follows."""
_SILENT_WAW = ("أولئك", "أولو", "أولي")


@dataclass(slots=True)
class _Reading:
    """The state of reading a word."""

    spelled: list[Letter]
    phones: list[Phone] = field(default_factory=list)
    elided: bool = False  # its initial alef is silent, so the word joins the previous one
    clitic: int = 0  # number of phones of the article and what precedes it; they are never stressed

    @property
    def bases(self) -> str:
        return "".join(letter.base for letter in self.spelled)


def words(written: Sequence[str]) -> list[Word]:
    """Return the sounds of the words between two pauses; words without Arabic letters are dropped."""
    spelled = [found for text in written if (found := letters(text))]
    readings: list[_Reading] = []
    for number, word in enumerate(spelled):
        reading = _read(word, first=number == 0, last=number == len(spelled) - 1)
        if reading.elided and readings:
            _link(readings[-1], reading)
        if reading.phones:
            readings.append(reading)
    return [tuple(mark_coloured(mark_stress(reading.phones, reading.clitic))) for reading in readings]


def _link(before: _Reading, after: _Reading) -> None:
    """Join a word to the next one, whose initial alef is silent."""
    end = before.phones[-1]
    if end.is_vowel:
        before.phones[-1] = replace(end, long=False)
        return
    # Three consonants would meet: mina l-, antumu l-, rajuluni l-.
    plural = before.bases.endswith(("كم", "هم", "تم"))
    from_the = before.bases == "من" and after.clitic > 0
    before.phones.append(Phone("a" if from_the else "u" if plural else "i"))


def _read(spelled: list[Letter], *, first: bool, last: bool) -> _Reading:
    reading = _Reading(_respelled(spelled))
    for index in range(len(reading.spelled)):
        _read_letter(reading, index, first=first)
    if last:
        _pause(reading)
    return reading


def _respelled(spelled: Sequence[Letter]) -> list[Letter]:
    """Add what is not written: the long a of some frequent words, and all vowels of an unvowelled word."""
    bases = "".join(letter.base for letter in spelled)
    found = list(spelled)
    prefix = 1 if len(bases) > 2 and bases[0] in _PREFIXES and bases not in _UNWRITTEN_LONG_A else 0
    after = _UNWRITTEN_LONG_A.get(bases[prefix:])
    if after is not None:
        place = prefix + after
        if found[place].vowel in ("", FATHA):
            found[place] = replace(found[place], vowel="", dagger=True)
    if bases[prefix:].startswith(_SILENT_WAW):
        del found[prefix + 1]
    if bases[prefix:] in ("عمرو",) and found[-1].bare:
        del found[-1]
    return _guessed(found) if all(not letter.vowel and not letter.dagger for letter in found) else found


def _guessed(word: Sequence[Letter]) -> list[Letter]:
    """Guess a vowel after each consonant of an unvowelled word: probably wrong, but pronounceable."""
    found = list(word)
    first = 2 if len(word) > 3 and word[0].base == ALEF and word[1].base == "ل" else 0
    for index in range(first, len(word) - 1):
        base, following = word[index].base, word[index + 1].base
        after = word[index + 2].base if index + 2 < len(word) else ""
        if base == "ي" and following == FEMININE:  # -iyya
            found[index] = replace(word[index], vowel=FATHA, doubled=True)
            continue
        lengthens = base in "وي" and index > first and found[index - 1].vowel in (DAMMA, KASRA)
        if lengthens or base in (ALEF, ALEF_MAKSURA):
            continue
        glide = following in "وي" and after != ALEF
        vowel = {"و": DAMMA, "ي": KASRA}[following] if glide else KASRA if base == HAMZA_BELOW else FATHA
        found[index] = replace(word[index], vowel=vowel)
    return found


def _read_letter(reading: _Reading, index: int, *, first: bool) -> None:
    word, phones = reading.spelled, reading.phones
    letter = word[index]
    before = word[index - 1] if index else None
    if letter.base == ALEF and index == 0:
        if letter.vowel in _SHORT or first:
            phones += [Phone("?"), Phone(_SHORT.get(letter.vowel) or _initial_vowel(word))]
        else:
            reading.elided = True
    elif letter.base in (ALEF, ALEF_MAKSURA):
        assert before is not None or letter.base == ALEF_MAKSURA
        if letter.vowel == FATHATAN and phones and before and before.bare:
            phones += [Phone("a"), Phone("n")]
        elif not _is_silent(word, index):
            _lengthen(phones, "a")
    elif _is_article(word, index):
        if not _is_assimilated(word, index):
            _add_consonant(phones, letter)
        elif not word[index + 1].doubled:
            word[index + 1] = replace(word[index + 1], doubled=True)
        reading.clitic = len(phones)
    elif letter.base in "وي" and _is_long_vowel(phones, letter):
        phones[-1] = replace(phones[-1], long=True)
    else:
        if letter.base == "ل" and _is_after_li(word, index):
            reading.clitic = len(phones)  # lil-lugha: the article's alef is not written
        _add_consonant(phones, letter)


def _add_consonant(phones: list[Phone], letter: Letter) -> None:
    """Append a consonant and the vowel marked on it."""
    phones.append(Phone(CONSONANTS[letter.base], long=letter.doubled))
    if letter.dagger:
        phones.append(Phone("a", long=True))
    elif letter.vowel in _SHORT:
        phones.append(Phone(_SHORT[letter.vowel]))
    elif letter.vowel in _WITH_N:
        phones += [Phone(_WITH_N[letter.vowel]), Phone("n")]
    elif not letter.vowel and letter.base in (HAMZA_ABOVE, HAMZA_BELOW) and len(phones) == 1:
        phones.append(Phone("i" if letter.base == HAMZA_BELOW else "a"))


def _lengthen(phones: list[Phone], vowel: str) -> None:
    if phones and phones[-1].symbol == vowel:
        phones[-1] = replace(phones[-1], long=True)
    else:
        phones.append(Phone(vowel, long=True))


def _is_long_vowel(phones: Sequence[Phone], letter: Letter) -> bool:
    """Return whether و or ي only lengthens the vowel before it."""
    if not letter.bare or letter.doubled or not phones:
        return False
    return phones[-1].symbol == _GLIDES[CONSONANTS[letter.base]]


def _is_silent(word: Sequence[Letter], index: int) -> bool:
    """Return whether an alef inside a word, of either form, is silent."""
    letter, before = word[index], word[index - 1]
    if before.vowel == FATHATAN or letter.vowel == FATHATAN:
        return True
    if letter.base == ALEF_MAKSURA:
        return before.dagger
    if before.vowel in (KASRA, DAMMA) or before.dagger:  # bil-, al-ijtimaa, mi-a
        return True
    if index == len(word) - 1:
        return before.base == "و" and before.bare and index > 1  # the alef of the plural: katabuu
    return index == 1 and before.base in _PREFIXES and _is_carried(word, index)


def _is_carried(word: Sequence[Letter], alef: int) -> bool:
    """Return whether the alef after wa-, fa-, ka- is the silent initial alef of the next word.

    A long a does not occur before two consonants, except before a doubled letter (kaaffa).
    """
    after, then = word[alef + 1], word[alef + 2 : alef + 3]
    if after.doubled:
        return after.base in "تطل"
    if after.base == "ل" and then and then[0].base == ALEF and not then[0].vowel:
        return after.vowel == KASRA
    return after.vowel == SUKUN or (after.base == "ل" and not after.vowel and bool(then))


def _is_article(word: Sequence[Letter], index: int) -> bool:
    """Return whether the letter at `index` is the l of the article."""
    letter = word[index]
    if letter.base != "ل" or letter.doubled or not 1 <= index <= len(word) - 2:
        return False
    before = word[index - 1]
    if _is_after_li(word, index):  # lil-: written without its alef
        return letter.bare and index + 2 < len(word)
    if before.base != ALEF or not (index == 1 or (index <= 3 and _is_silent_prefix(word, index - 1))):
        return False
    if letter.vowel == KASRA:
        return word[index + 1].base == ALEF and not word[index + 1].vowel
    return letter.bare and index + 2 < len(word)


def _is_after_li(word: Sequence[Letter], index: int) -> bool:
    """Return whether the prefix li- precedes the letter at `index`, alone or after wa- or fa-."""
    before = word[index - 1] if index else None
    if not before or before.base != "ل" or before.vowel != KASRA or before.doubled:
        return False
    return index == 1 or (index == 2 and word[0].base in "وف" and word[0].vowel == FATHA)


def _is_silent_prefix(word: Sequence[Letter], alef: int) -> bool:
    prefixes = word[:alef]
    return all(letter.base in _PREFIXES and letter.vowel in _SHORT for letter in prefixes) and _is_silent(word, alef)


def _is_assimilated(word: Sequence[Letter], lam: int) -> bool:
    """Return whether a sun letter assimilates the article's l; an l of the word's own keeps its sukun (iltizaam)."""
    following = word[lam + 1]
    return word[lam].bare and (following.doubled or (not word[lam].vowel and following.base in SUN))


def _initial_vowel(word: Sequence[Letter]) -> str:
    """Return the vowel of an unmarked initial alef: al-, allathii; uktub; ism, ijtimaa."""
    if len(word) > 2 and word[1].base == "ل" and (word[1].doubled or _is_article(word, 1)):
        return "a"
    return "u" if len(word) > 3 and word[2].vowel == DAMMA and not word[1].doubled else "i"


def _pause(reading: _Reading) -> None:
    """Drop what is silent before a pause: short endings, the n of -un and -in, the t of the feminine."""
    phones, end = reading.phones, reading.spelled[-1]
    if not phones or end.base in (ALEF, ALEF_MAKSURA):
        return
    spoken = phones[-1]
    if end.vowel in _WITH_N and (end.vowel != FATHATAN or end.base == FEMININE):
        del phones[-2:]
    elif end.vowel in _SHORT and spoken.is_vowel and not spoken.long and not _keeps_ending(phones):
        del phones[-1]
    if end.base == FEMININE:
        del phones[-1]
        if not phones or not phones[-1].is_vowel:
            phones.append(Phone("a"))
        elif phones[-1].long:
            phones.append(Phone("h"))  # hayaah


def _keeps_ending(phones: Sequence[Phone]) -> bool:
    """Return whether a final short vowel stays: huwa, hiya and one-syllable words need it to be understood."""
    glide = len(phones) > 2 and _GLIDES.get(phones[-2].symbol) == phones[-3].symbol and not phones[-2].long
    return glide or sum(phone.is_vowel for phone in phones) == 1
