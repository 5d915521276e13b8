"""Numbers, dates, times and references in an Arabic text, as vowelled words.

Numbers are masculine, as when read from a table. Digits may be Arabic or European.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_NUMBER = 6
"""Maximum number of digits read as one number; longer ones, or those with a leading zero, are read digit by digit."""
GROUP = 3
"""Digits of a reference that are read without a pause."""

_ONES = (
    "صِفْرٌ",
    "وَاحِدٌ",
    "اِثْنَانِ",
    "ثَلَاثَةٌ",
    "أَرْبَعَةٌ",
    "خَمْسَةٌ",
    "سِتَّةٌ",
    "سَبْعَةٌ",
    "ثَمَانِيَةٌ",
    "تِسْعَةٌ",
    "عَشَرَةٌ",
    "أَحَدَ عَشَرَ",
    "اِثْنَا عَشَرَ",
    "ثَلَاثَةَ عَشَرَ",
    "أَرْبَعَةَ عَشَرَ",
    "خَمْسَةَ عَشَرَ",
    "سِتَّةَ عَشَرَ",
    "سَبْعَةَ عَشَرَ",
    "ثَمَانِيَةَ عَشَرَ",
    "تِسْعَةَ عَشَرَ",
)
_TENS = (
    "",
    "",
    "عِشْرُونَ",
    "ثَلَاثُونَ",
    "أَرْبَعُونَ",
    "خَمْسُونَ",
    "سِتُّونَ",
    "سَبْعُونَ",
    "ثَمَانُونَ",
    "تِسْعُونَ",
)
_HUNDREDS = (
    "",
    "مِائَةٌ",
    "مِائَتَانِ",
    "ثَلَاثُمِائَةٍ",
    "أَرْبَعُمِائَةٍ",
    "خَمْسُمِائَةٍ",
    "سِتُّمِائَةٍ",
    "سَبْعُمِائَةٍ",
    "ثَمَانِمِائَةٍ",
    "تِسْعُمِائَةٍ",
)
# Forms for one, two, three to ten, more, and a round hundred.
_THOUSANDS = ("أَلْفٌ", "أَلْفَانِ", "آلَافٍ", "أَلْفًا", "أَلْفٍ")
_MILLIONS = ("مِلْيُونٌ", "مِلْيُونَانِ", "مَلَايِينَ", "مِلْيُونًا", "مِلْيُونٍ")
_MONTHS = (
    "يَنَايِرَ",
    "فَبْرَايِرَ",
    "مَارْسَ",
    "أَبْرِيلَ",
    "مَايْ",
    "يُونْيُو",
    "يُولْيُوزَ",
    "غُشْتَ",
    "شُتَنْبِرَ",
    "أُكْتُوبَرَ",
    "نُوَنْبِرَ",
    "دُجَنْبِرَ",
)
"""The names of the months used in Morocco."""
_HOURS = (
    "مُنْتَصَفَ اللَّيْلِ",
    "الْوَاحِدَةَ",
    "الثَّانِيَةَ",
    "الثَّالِثَةَ",
    "الرَّابِعَةَ",
    "الْخَامِسَةَ",
    "السَّادِسَةَ",
    "السَّابِعَةَ",
    "الثَّامِنَةَ",
    "التَّاسِعَةَ",
    "الْعَاشِرَةَ",
    "الْحَادِيَةَ عَشْرَةَ",
    "الثَّانِيَةَ عَشْرَةَ",
    "الثَّالِثَةَ عَشْرَةَ",
    "الرَّابِعَةَ عَشْرَةَ",
    "الْخَامِسَةَ عَشْرَةَ",
    "السَّادِسَةَ عَشْرَةَ",
    "السَّابِعَةَ عَشْرَةَ",
    "الثَّامِنَةَ عَشْرَةَ",
    "التَّاسِعَةَ عَشْرَةَ",
    "الْعِشْرِينَ",
    "الْحَادِيَةَ وَالْعِشْرِينَ",
    "الثَّانِيَةَ وَالْعِشْرِينَ",
    "الثَّالِثَةَ وَالْعِشْرِينَ",
)
_YEAR, _POINT, _PER_CENT = "سَنَةَ", "فَاصِلَةٌ", "بِالْمِائَةِ"

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_NUMERIC = re.compile(
    r"(?P<date>(?<![\d/.-])(?:\d{1,2}([/.-])\d{1,2}\2\d{4}|\d{4}([/-])\d{1,2}\3\d{1,2})(?![\d/]))"
    r"|(?P<time>(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?![\d:]))"
    r"|(?P<grouped>(?<![\d.,])\d{1,3}(?:[٬,]\d{3})+(?![\d]))"
    r"|(?P<decimal>(?<![\d.,])\d+[٫.,]\d+(?![\d]))"
    r"|(?P<digits>\d+)"
)


def in_words(text: str) -> str:
    """Return the text with all digits replaced by vowelled words."""
    text = re.sub(r"[\u066a%]", f" {_PER_CENT} ", text.translate(_DIGITS))
    return _NUMERIC.sub(lambda match: f" {_spoken(match)} ", text)


def _spoken(match: re.Match[str]) -> str:
    written = match.group()
    if match["date"]:
        return _date(written)
    if match["time"]:
        return _time(*map(int, written.split(":")))
    if match["grouped"]:
        return cardinal(int(re.sub(r"\D", "", written)))
    if match["decimal"]:
        whole, fraction = re.split(r"\D", written)
        return f"{_integer(whole)} {_POINT} {_integer(fraction)}"
    return _integer(written)


def _integer(digits: str) -> str:
    if len(digits) > LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1):
        return one_by_one(digits)
    return cardinal(int(digits))


def one_by_one(digits: str) -> str:
    """Return the digits of a reference or a telephone number as words, with a pause after each group."""
    groups = [digits[start : start + GROUP] for start in range(0, len(digits), GROUP)]
    if len(groups) > 1 and len(groups[-1]) == 1:  # avoid a group of one digit
        groups[-2:] = [groups[-2] + groups[-1]]
    return "، ".join(" ".join(_ONES[int(digit)] for digit in group) for group in groups)


def cardinal(number: int) -> str:
    """Return a number from 0 to 999,999,999 in words."""
    return " وَ".join(_parts(number)) if number else _ONES[0]


def _parts(number: int) -> Iterator[str]:
    millions, rest = divmod(number, 1_000_000)
    thousands, units = divmod(rest, 1_000)
    if millions:
        yield _counted(millions, _MILLIONS)
    if thousands:
        yield _counted(thousands, _THOUSANDS)
    if units:
        yield from _below_thousand(units)


def _below_thousand(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    if hundreds:
        yield _HUNDREDS[hundreds]
    if 0 < rest < len(_ONES):
        yield _ONES[rest]
    elif rest:
        tens, ones = divmod(rest, 10)
        if ones:
            yield _ONES[ones]
        yield _TENS[tens]


def _counted(count: int, forms: tuple[str, str, str, str, str]) -> str:
    one, two, few, many, round_hundred = forms
    if count < 3:
        return one if count == 1 else two
    last = count % 100
    words = " وَ".join(_below_thousand(count))
    if 3 <= last <= 10:
        return f"{_before_noun(words)} {few}"
    if last > 10:
        return f"{words} {many}"
    return f"{_before_noun(words)} {round_hundred}"


def _before_noun(words: str) -> str:
    """Drop the final n of the last word: thalaathatu aalaaf, mi'ataa alf."""
    if words.endswith("َانِ"):
        return words.removesuffix("نِ")
    for with_n, without in (("ٌ", "ُ"), ("ٍ", "ِ")):
        if words.endswith(with_n):
            return words.removesuffix(with_n) + without
    return words


def _date(written: str) -> str:
    numbers = [int(part) for part in re.split(r"\D", written)]
    day, month, year = numbers if len(written) - len(written.rstrip("0123456789")) == 4 else reversed(numbers)
    if not (1 <= month <= len(_MONTHS) and 1 <= day <= 31):
        return " ".join(map(cardinal, numbers))
    return f"{cardinal(day)} {_MONTHS[month - 1]} {_YEAR} {cardinal(year)}"


def _time(hour: int, minute: int) -> str:
    return f"{_HOURS[hour]} وَ{cardinal(minute)}" if minute else _HOURS[hour]
