"""People's names as they are looked for: the same in any way of writing them."""

from every import every
from hypothesis import given
from hypothesis import strategies as st

from db.names import clean, folded


@every(
    ("name", "typed"),
    [
        ("Zoé Müller", "zoe muller"),
        ("ÇELİK", "celik"),
        ("Strauß", "strauss"),
        ("Łukasz Đặng", "lukasz dang"),
        ("ЙОРДАН", "иордан"),
        ("ΝΙΚΟΣ", "νικοσ"),
        ("أَحْمَد بَنْعَلِيّ", "احمد بنعلي"),
        ("فاطمة الزهراء", "فاطمه الزهراء"),
        ("مصطفى", "مصطفي"),
        ("مـحـمـد", "محمد"),
        ("ⴰⵎⵏⴰⵢ", "ⴰⵎⵏⴰⵢ"),
        ("王\u3000小明", "王 小明"),
        ("Hidden\u202emark", "hiddenmark"),
    ],
)
def test_a_name_is_found_as_people_type_it(name: str, typed: str) -> None:
    assert folded(name) == folded(typed) == typed


def test_a_stored_name_has_no_control_characters_and_one_space_between_words() -> None:
    assert clean("  Nadia \n\t Fe\x00rn\x1b ") == "Nadia Fern"
    assert clean("e\u0301") == "é"
    assert clean("a \x00 b") == "a b"
    assert clean(" \x00 ") == ""


@given(st.text())
def test_folding_twice_changes_nothing_and_every_part_of_a_name_finds_it(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert all(folded(word) in folded(name) for word in folded(name).split())
