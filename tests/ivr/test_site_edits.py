"""Edits change the lines of their value, and nothing else of a file."""

import difflib
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from line import CHECKOUT
from pydantic import TypeAdapter

from ivr.site_changes import apply as applying
from ivr.site_changes import files
from ivr.site_changes.apply import apply_edits
from ivr.site_changes.difference import difference_of
from ivr.site_changes.edits import EditError, SiteEdit
from ivr.site_changes.merging import merge

EDITS = TypeAdapter(list[SiteEdit])
SITE = CHECKOUT / "sites" / "consulate"


def apply(contents: dict[str, bytes], *edits: dict[str, Any]) -> dict[str, bytes | None]:
    return apply_edits(contents, EDITS.validate_python(edits))


def changed_lines(before: bytes, after: bytes | None) -> list[str]:
    """Return the lines that differ, with - or + before them."""
    assert after is not None
    found = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), n=0)
    return [line for line in found if line[:1] in "+-" and line[:3] not in ("---", "+++")]


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    return files.all_contents(SITE)


def test_every_file_of_the_example_can_be_changed_at_its_last_value_with_one_line_of_difference(
    contents: dict[str, bytes],
) -> None:
    for file, content in contents.items():
        if file.startswith("guide/"):
            new = apply(contents, {"kind": "yaml", "file": file, "place": ["fee"], "value": "It is free."})
            assert changed_lines(content, new[file])[-1] == "+fee: It is free.", file


def test_a_value_of_the_flow_changes_with_its_comment_kept(contents: dict[str, bytes]) -> None:
    new = apply(contents, {"kind": "yaml", "file": "flow.yaml", "place": ["silence_s"], "value": 5})
    removed, added = changed_lines(contents["flow.yaml"], new["flow.yaml"])
    assert removed.startswith("-silence_s: 4 ") and added == removed.replace("-silence_s: 4", "+silence_s: 5")


def test_a_step_is_added_to_a_list_of_the_guide(contents: dict[str, bytes]) -> None:
    place = ["documents", 3]
    new = apply(contents, {"kind": "yaml", "file": "guide/passport.yaml", "place": place, "value": "One: more."})
    assert changed_lines(contents["guide/passport.yaml"], new["guide/passport.yaml"]) == ['+  - "One: more."']


@pytest.mark.parametrize("value", ["NO", "yes", "2026-11-28", "12", "a: b", "# no", "null", "", "~", "@x", "é\u200f"])
def test_a_text_that_yaml_would_read_as_something_else_stays_a_text(contents: dict[str, bytes], value: str) -> None:
    new = apply(
        contents,
        {"kind": "yaml", "file": "guide/visa.yaml", "place": ["remarks", value or "NO"], "value": value},
        {"kind": "yaml", "file": "guide/visa.yaml", "place": ["fee"], "value": value},
    )
    read = yaml.safe_load(new["guide/visa.yaml"] or b"")
    assert read["fee"] == value and read["remarks"][value or "NO"] == value


@pytest.mark.parametrize(
    "value",
    ["!!bool x", "2001-02-30", "!!int x", "[" * 1000, "[" * 900 + "]" * 900, "- " * 1000, f"1{':59' * 1_000_000}"],
    ids=lambda value: value[:10],
)
def test_a_text_that_yaml_cannot_read_stays_a_text(contents: dict[str, bytes], value: str) -> None:
    new = apply(contents, {"kind": "yaml", "file": "guide/visa.yaml", "place": ["fee"], "value": value})
    assert yaml.safe_load(new["guide/visa.yaml"] or b"")["fee"] == value


def test_opening_hours_change_in_one_line_of_site_toml(contents: dict[str, bytes]) -> None:
    new = apply(contents, {"kind": "toml", "place": ["hours", "week", "monday"], "value": ["09:00-12:00"]})
    assert changed_lines(contents["site.toml"], new["site.toml"]) == [
        '-monday = ["08:00-20:00"]',
        '+monday = ["09:00-12:00"]',
    ]


def test_a_number_is_added_below_the_last_one_and_the_comments_of_what_follows_stay_there(
    contents: dict[str, bytes],
) -> None:
    before = tomllib.loads(contents["site.toml"].decode())["number"]
    added = {"number": "+35980012345", "country": "BG"}
    new = apply(contents, {"kind": "toml", "place": ["number", len(before)], "value": added})
    assert tomllib.loads((new["site.toml"] or b"").decode())["number"] == [*before, added]
    lines = ["+", "+[[number]]", '+number = "+35980012345"', '+country = "BG"']
    assert sorted(changed_lines(contents["site.toml"], new["site.toml"])) == sorted(lines)


def test_an_operator_is_changed_added_and_removed_in_their_own_line(contents: dict[str, bytes]) -> None:
    row = {"kind": "row", "file": "operators.csv"}
    new = apply(
        contents,
        {**row, "row": "1002", "cells": {"languages": "ar:5 nl:3"}},
        {**row, "row": "1003", "cells": None},
        {**row, "row": "1099", "cells": {"name": "Olive, of the East", "languages": "fr:5", "supervisor": "no"}},
    )
    before = contents["operators.csv"].decode().splitlines()
    of = {line.partition(",")[0]: line for line in before}
    assert changed_lines(contents["operators.csv"], new["operators.csv"]) == [
        f"-{of['1002']}",
        f"-{of['1003']}",
        "+1002,Safae Saffron,ar:5 nl:3,,no",
        '+1099,"Olive, of the East",fr:5,,no',
    ]


def test_a_line_of_the_roster_is_added_changed_and_removed_although_others_begin_alike(
    contents: dict[str, bytes],
) -> None:
    file, lines = "roster.csv", contents["roster.csv"].decode().splitlines()
    one = "1903,sat-sun,08:00,20:00,,,"
    assert one in lines and "1903,mon,12:00,16:00,,," in lines
    absent = "1903,2026-12-25,,,,,absent"
    new = apply(
        contents,
        {"kind": "line", "file": file, "line": one, "new": "1903,sat,08:00,20:00,,,"},
        {"kind": "line", "file": file, "new": absent},
        {"kind": "line", "file": file, "line": "1903,mon,12:00,16:00,,,"},
    )
    assert changed_lines(contents[file], new[file]) == [
        f"-{one}", "-1903,mon,12:00,16:00,,,", "+1903,sat,08:00,20:00,,,", f"+{absent}",
    ]  # fmt: skip
    for edit, said in (
        ({"line": "1903,sun,08:00,20:00,,,", "new": "x"}, "no line .* any more"),
        ({"line": lines[0]}, "no line"),  # the heading
        ({"line": one, "new": "a\nb"}, "one line"),
    ):
        with pytest.raises(EditError, match=said):
            apply(contents, {"kind": "line", "file": file, **edit})


def test_a_table_with_semicolons_and_carriage_returns_keeps_both() -> None:
    contents = {"operators.csv": "\ufeffid;name;languages\r\n1001;One, two;fr:5\r\n1002;Three;ar:5".encode()}
    row = {"kind": "row", "file": "operators.csv"}
    new = apply(
        contents, {**row, "row": "1001", "cells": {"languages": "nl:5"}}, {**row, "row": "1003", "cells": {"name": "x"}}
    )
    expected = "\ufeffid;name;languages\r\n1001;One, two;nl:5\r\n1002;Three;ar:5\r\n1003;x;\r\n"
    assert new["operators.csv"] == expected.encode()


def test_a_translation_changes_in_its_own_entry_and_its_mark_of_a_draft_goes(contents: dict[str, bytes]) -> None:
    file = "locale/fr/LC_MESSAGES/hatif.po"
    drafted = contents[file].replace(b'msgctxt "main_urgent"', b'#, fuzzy\nmsgctxt "main_urgent"')
    new = apply({file: drafted}, {"kind": "text", "language": "fr", "id": "main_urgent", "text": "Cas urgent,"})
    assert changed_lines(drafted, new[file]) == ["-#, fuzzy", '-msgstr "Urgence,"', '+msgstr "Cas urgent,"']


def test_a_text_is_added_to_a_catalogue_and_removed_from_it(contents: dict[str, bytes]) -> None:
    file = "locale/fr/LC_MESSAGES/hatif.po"
    text = {"kind": "text", "language": "fr", "id": "guide_visa_where_2"}
    new = apply(contents, {**text, "source": "Second.", "text": "Deuxième."})
    assert new[file] == contents[file] + b'msgctxt "guide_visa_where_2"\nmsgid "Second."\nmsgstr "Deuxi\xc3\xa8me."\n\n'
    assert apply({file: new[file] or b""}, {**text, "removed": True})[file] == contents[file]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"kind": "content", "file": "../secrets.json", "content": "x"}, "is not a file of the site"),
        ({"kind": "content", "file": "sip.key", "content": "x"}, "is not a file of the site"),
        ({"kind": "content", "file": "guide/../site.yaml", "content": "x"}, "is not a file of the site"),
        ({"kind": "yaml", "file": "guide/none.yaml", "place": ["fee"], "value": "x"}, "does not exist"),
        ({"kind": "yaml", "file": "guide/visa.yaml", "place": ["fee", "more"], "value": "x"}, "has no names"),
        ({"kind": "yaml", "file": "guide/visa.yaml", "place": ["none"]}, "There is no none."),
        ({"kind": "yaml", "file": "site.toml", "place": ["none"]}, "is not a YAML file"),
        ({"kind": "toml", "place": ["number", 900], "value": {}}, "There is no entry 901 in number."),
        ({"kind": "row", "file": "operators.csv", "row": "1002", "cells": {"colour": "x"}}, "has no column 'colour'"),
        ({"kind": "row", "file": "operators.csv", "row": "9999", "cells": None}, "has no row '9999'"),
        ({"kind": "row", "file": "operators.csv", "row": "1002", "cells": {"name": "a\nb"}}, "more than one line"),
        ({"kind": "text", "language": "fr", "id": "none_such", "text": "x"}, "has no text 'none_such'"),
        ({"kind": "text", "language": "xx", "id": "main_file", "text": "x"}, "does not exist"),
    ],
)
def test_an_edit_that_cannot_be_made_says_why(contents: dict[str, bytes], edit: dict[str, Any], said: str) -> None:
    with pytest.raises(EditError, match=said):
        apply(contents, edit)


def test_a_file_with_a_mistake_is_refused_with_its_line(tmp_path: Path) -> None:
    edit = {"kind": "yaml", "file": "guide/visa.yaml", "place": ["fee"], "value": "x"}
    with pytest.raises(EditError, match=r"guide/visa.yaml:2: .*; "):
        apply({"guide/visa.yaml": b"fee: x\n  where: y\n"}, edit)
    with pytest.raises(EditError, match="the alias"):
        apply({"guide/visa.yaml": b"fee: &a x\nwhere: *a\n"}, edit)
    with pytest.raises(EditError, match="not UTF-8"):
        apply({"guide/visa.yaml": b"fee: \xff\n"}, edit)
    for value in (b"!!bool x", b"!!int x", b"2001-02-30"):
        with pytest.raises(EditError, match=r"guide/visa.yaml:2: .* cannot be read .*; correct the YAML"):
            apply({"guide/visa.yaml": b"fee: x\nwhere: " + value + b"\n"}, edit)
    for text in (b"= 1\n", b"a = " + b"9" * 4900 + b"\n", b"a = 0x" + b"f" * 4900 + b"\n"):
        with pytest.raises(EditError, match="not TOML"):
            apply({"site.toml": text}, {"kind": "toml", "place": ["name"], "value": "x"})


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=12).map("".join)


@given(base=LINES, changed=LINES)
def test_a_change_alone_is_merged_as_it_is(base: str, changed: str) -> None:
    assert merge(base, base, changed) == changed
    assert merge(base, changed, base) == changed
    assert merge(base, changed, changed) == changed


@given(base=LINES, ours=LINES, theirs=LINES)
def test_changes_at_both_ends_are_merged_and_at_one_place_they_are_refused(base: str, ours: str, theirs: str) -> None:
    middle = "1\n2\n3\n"
    assert merge(base + middle + base, ours + middle + base, base + middle + theirs) == ours + middle + theirs
    if len({base, ours, theirs}) == 3:
        both = merge(f"{middle}x{base}", f"{middle}y{ours}", f"{middle}z{theirs}")
        assert both is None


HOSTILE = {
    "nesting without end": ("site.toml", "a = " + "[" * 100_000),
    "a key of very many parts": ("site.toml", "a" + ".a" * 100_000 + " = 1"),
    "very many tables": ("site.toml", "[[number]]\n" * 30_000),
    "half a surrogate pair": ("site.toml", 'name = "x"\n'),
    "nested sequences": ("texts.yaml", "[" * 100_000),
    "a list of aliases": ("texts.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
    "very many names": ("texts.yaml", "".join(f"a{number}: x\n" for number in range(30_000))),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_would_keep_the_controller_busy_for_minutes_is_refused(contents: dict[str, bytes], what: str) -> None:
    file, content = HOSTILE[what]
    kind = "toml" if file == "site.toml" else "yaml"
    value = "\ud800" if what == "half a surrogate pair" else "x"
    edit = EDITS.validate_python([{"kind": kind, "file": file, "place": ["name"], "value": value}])
    with pytest.raises(EditError, match=file):
        apply_edits({**contents, file: content.encode()}, edit)


def test_very_many_changes_of_long_files_are_refused_and_those_of_a_long_list_are_made(
    contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    edits: list[dict[str, Any]] = [
        {"kind": "toml", "place": ["hours", "week", "monday"], "value": [f"09:00-{hour}:00"]} for hour in range(10, 20)
    ]
    rows = [{"kind": "row", "file": "operators.csv", "row": str(3000 + n), "cells": {"name": "X"}} for n in range(99)]
    monkeypatch.setattr(applying, "MOST", 9 * len(contents["site.toml"]))
    assert len(apply(contents, *rows)["operators.csv"] or b"") > len(contents["operators.csv"])
    with pytest.raises(EditError, match="too many changes"):
        apply(contents, *edits)
    monkeypatch.setattr(applying, "MOST_ROWS", 99 * len(contents["operators.csv"]))
    with pytest.raises(EditError, match="too many changes"):
        apply(contents, *rows)


@pytest.mark.parametrize("lines", ["x\n\n" * 20_000, "".join(f"{n % 50}\n" for n in range(20_000))])
def test_files_of_the_same_lines_are_compared_as_a_whole(lines: str) -> None:
    """A comparison line by line would take hours."""
    other = lines.replace("x", "y").replace("7\n", "8\n\n")
    shown = difference_of({"flow.yaml": lines.encode()}, {"flow.yaml": other.encode()})
    assert shown.startswith("--- a/flow.yaml\n+++ b/flow.yaml\n@@ ")
    assert merge(lines, lines, other) == other and merge(lines, other, lines) == other


def test_a_difference_full_of_addresses_hides_their_passwords_at_once() -> None:
    shown = difference_of({"site.toml": b""}, {"site.toml": b"://" * 60_000 + b"\nx = a://b:secret@c\n"})
    assert "secret" not in shown and "a://b:…@c" in shown
