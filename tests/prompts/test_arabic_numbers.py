"""Digits in Arabic texts are read as words: numbers, dates, times and references."""

import re

import pytest
from every import every
from hypothesis import given
from hypothesis import strategies as st

from prompts.voices.arabic import numbers

MARKS = re.compile("[\u064b-\u0652]")


def words(text: str) -> str:
    """Return the text with its digits as words, without vowels."""
    return " ".join(MARKS.sub("", numbers.in_words(text)).split())


@every(
    ("number", "read"),
    [
        (0, "صفر"),
        (7, "سبعة"),
        (10, "عشرة"),
        (11, "أحد عشر"),
        (12, "اثنا عشر"),
        (19, "تسعة عشر"),
        (20, "عشرون"),
        (21, "واحد وعشرون"),
        (99, "تسعة وتسعون"),
        (100, "مائة"),
        (105, "مائة وخمسة"),
        (212, "مائتان واثنا عشر"),
        (305, "ثلاثمائة وخمسة"),
        (1000, "ألف"),
        (2000, "ألفان"),
        (2026, "ألفان وستة وعشرون"),
        (3000, "ثلاثة آلاف"),
        (11000, "أحد عشر ألفا"),
        (100000, "مائة ألف"),
        (200000, "مائتا ألف"),
        (999999, "تسعمائة وتسعة وتسعون ألفا وتسعمائة وتسعة وتسعون"),
    ],
)
def test_a_number_is_read_as_in_counting(number: int, read: str) -> None:
    assert words(str(number)).replace("اِ", "ا") == read


@pytest.mark.parametrize("text", ["305", "٣٠٥", "۳۰۵"])
def test_arabic_and_european_digits_are_read_alike(text: str) -> None:
    assert words(text) == "ثلاثمائة وخمسة"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1,234,567", "مليون ومائتان وأربعة وثلاثون ألفا وخمسمائة وسبعة وستون"),
        ("2,000,000", "مليونان"),
        ("٣٬٠٠٠", "ثلاثة آلاف"),
        ("2.5", "اثنان فاصلة خمسة"),
        ("٢٫٠٥", "اثنان فاصلة صفر خمسة"),
        ("50%", "خمسون بالمائة"),
        ("٥٠٪", "خمسون بالمائة"),
    ],
)
def test_signs_inside_a_number_are_read(text: str, read: str) -> None:
    assert words(text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0612345678", "صفر ستة واحد، اثنان ثلاثة أربعة، خمسة ستة سبعة ثمانية"),
        ("123456789", "واحد اثنان ثلاثة، أربعة خمسة ستة، سبعة ثمانية تسعة"),
        ("007", "صفر صفر سبعة"),
        ("1234567", "واحد اثنان ثلاثة، أربعة خمسة ستة سبعة"),
    ],
)
def test_a_reference_is_read_digit_by_digit_in_groups(text: str, read: str) -> None:
    assert words(text) == read


@pytest.mark.parametrize("text", ["25/11/2026", "2026-11-25", "25.11.2026", "٢٥/١١/٢٠٢٦"])
def test_a_date_is_read_with_the_name_of_its_month(text: str) -> None:
    assert words(text) == "خمسة وعشرون نونبر سنة ألفان وستة وعشرون"


@pytest.mark.parametrize("text", ["25/13/2026", "45/11/2026", "2026-00-25"])
def test_an_impossible_date_is_read_as_numbers(text: str) -> None:
    assert "سنة" not in words(text)
    assert "ألفان وستة وعشرون" in words(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("9:00", "التاسعة"),
        ("14:30", "الرابعة عشرة وثلاثون"),
        ("00:15", "منتصف الليل وخمسة عشر"),
        ("25:99", "خمسة وعشرون :تسعة وتسعون"),
    ],
)
def test_a_time_is_read_with_its_hour(text: str, read: str) -> None:
    assert words(text).replace(": ", ":") == read


def test_words_around_a_number_stay_as_they_are() -> None:
    assert numbers.in_words("رَقْمُ مِلَفِّكُمْ 7.").split() == ["رَقْمُ", "مِلَفِّكُمْ", "سَبْعَةٌ", "."]
    assert numbers.in_words("بِلَا أَرْقَامٍ.") == "بِلَا أَرْقَامٍ."


@given(st.integers(0, 999_999_999))
def test_every_number_has_different_words(number: int) -> None:
    read = numbers.cardinal(number)
    assert not re.search(r"\d", read)
    assert read != numbers.cardinal((number + 1) % 1_000_000_000)


@given(st.text(st.sampled_from("0123456789٠٥٩.,/:-%٫٬ "), max_size=30))
def test_every_digit_becomes_a_word_whatever_is_between_them(text: str) -> None:
    assert not re.search(r"\d", numbers.in_words(text))
