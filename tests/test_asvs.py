"""docs/asvs.md has each requirement of OWASP ASVS 4.0.3 at level 2 once, with its state, and evidence if it is kept."""

import re
from collections import Counter
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "asvs.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([0-9.]+) \| [12] \| [^|]+ \| (kept|not applicable|open) \| ([^|]+) \|$", re.MULTILINE)
SECTIONS = """
1.1:1,2,3,4,5,6,7 1.2:1,2,3,4 1.4:1,4,5 1.5:1,2,3,4 1.6:1,2,3,4 1.7:1,2 1.8:1,2 1.9:1,2 1.10:1 1.11:1,2 1.12:2
1.14:1,2,3,4,5,6 2.1:1,2,3,4,5,6,7,8,9,10,11,12 2.2:1,2,3 2.3:1,2,3 2.4:1,2,3,4,5 2.5:1,2,3,4,5,6,7 2.6:1,2,3
2.7:1,2,3,4,5,6 2.8:1,2,3,4,5,6,7 2.9:1,2,3 2.10:1,2,3,4 3.1:1 3.2:1,2,3,4 3.3:1,2,3,4 3.4:1,2,3,4,5 3.5:1,2,3
3.7:1 4.1:1,2,3,5 4.2:1,2 4.3:1,2,3 5.1:1,2,3,4,5 5.2:1,2,3,4,5,6,7,8 5.3:1,2,3,4,5,6,7,8,9,10 5.4:1,2,3
5.5:1,2,3,4 6.1:1,2,3 6.2:1,2,3,4,5,6 6.3:1,2 6.4:1,2 7.1:1,2,3,4 7.2:1,2 7.3:1,3,4 7.4:1,2,3 8.1:1,2,3,4
8.2:1,2,3 8.3:1,2,3,4,5,6,7,8 9.1:1,2,3 9.2:1,2,3,4 10.2:1,2 10.3:1,2,3 11.1:1,2,3,4,5,6,7,8 12.1:1,2,3 12.2:1
12.3:1,2,3,4,5,6 12.4:1,2 12.5:1,2 12.6:1 13.1:1,3,4,5 13.2:1,2,3,5,6 13.3:1,2 13.4:1,2 14.1:1,2,3,4
14.2:1,2,3,4,5,6 14.3:2,3 14.4:1,2,3,4,5,6,7 14.5:1,2,3,4
"""
"""The requirements of the levels 1 and 2 by section, without those of level 3 only and those withdrawn."""


def test_each_requirement_of_level_2_is_there_once_with_its_state() -> None:
    asked = [
        f"{section}.{number}"
        for section, numbers in (entry.split(":") for entry in SECTIONS.split())
        for number in numbers.split(",")
    ]
    assert [number for number, _, _ in ROW.findall(PAGE)] == asked and len(asked) == 259


def test_what_is_kept_names_a_test_or_a_place_and_the_states_are_counted() -> None:
    rows = ROW.findall(PAGE)
    assert [number for number, state, why in rows if state == "kept" and not re.search("`.+`|docs/", why)] == []
    counted = re.findall(r"^\| (kept|not applicable|open) \| ([0-9]+) \|$", PAGE, re.MULTILINE)
    assert {state: int(number) for state, number in counted} == Counter(state for _, state, _ in rows)


def test_the_places_that_it_names_exist() -> None:
    top = Path(__file__).resolve().parents[1]
    named = {name for name in re.findall(r"`([\w./-]+)`", PAGE) if "/" in name}
    assert {name for name in named if not (top / name).exists()} == set()
