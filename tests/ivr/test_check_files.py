"""`hatif check` reads files from any system, and refuses what cannot be one."""

import os
from pathlib import Path

import pytest
import small_site
from check_edits import AR, EN
from small_site import SmallSite
from test_check import check, codes


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return small_site.make(tmp_path / "home")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("site.toml", "E_SITE_FILE"),
        ("flow.yaml", "E_FLOW_FILE"),
        ("guide/visa.yaml", "E_GUIDE_FILE"),
        (EN, "E_TEXT_FILE"),
    ],
)
def test_an_unreadable_file_is_reported_once_and_the_others_are_checked(name: str, code: str, small: SmallSite) -> None:
    (small.folder / name).write_bytes(b"\xff")
    if name != AR:
        small.edit(AR, 'msgid ""', 'x msgid ""')
    found = check(small)
    assert sorted(codes(found)) == sorted([code, "E_TEXT_FILE"]), [str(item) for item in found]
    assert str(small.folder / name) in [item.file for item in found]


@pytest.mark.parametrize("name", ["site.toml", "operators.csv", "roster.csv", "flow.yaml", "guide/visa.yaml"])
def test_files_from_other_systems_are_read(name: str, small: SmallSite) -> None:
    """Rewrite files with a byte order mark, CR LF, and semicolons as from spreadsheets in most of Europe."""
    path = small.folder / name
    text = path.read_text(encoding="utf-8")
    if name.endswith(".csv"):
        text = text.replace(",", ";")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert [str(finding) for finding in check(small)] == []


@pytest.mark.parametrize(
    "name", ["site.toml", "operators.csv", "roster.csv", "flow.yaml", "texts.yaml", "guide/visa.yaml"]
)
def test_a_pipe_and_a_huge_file_are_refused_without_reading_them(name: str, small: SmallSite) -> None:
    path = small.folder / name
    path.unlink()
    os.mkfifo(path)
    assert any(finding.file == str(path) and "not a regular file" in finding.found for finding in check(small))
    path.unlink()
    path.write_bytes(b"# \n" * 2_500_000)
    assert any(finding.file == str(path) and "larger than 4 MiB" in finding.found for finding in check(small))


def test_aliases_that_repeat_each_other_are_refused_before_they_are_expanded(small: SmallSite) -> None:
    bomb = "[" + ", ".join(["x"] * 9) + "]"
    lines = [f"a0: &a0 {bomb}", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    for name, code in (
        ("flow.yaml", "E_FLOW_FILE"),
        ("texts.yaml", "E_TEXT_FILE"),
        ("guide/visa.yaml", "E_GUIDE_FILE"),
    ):
        path = small.folder / name
        before = path.read_bytes()
        path.write_text("\n".join(lines))
        found = [finding for finding in check(small) if finding.file == str(path)]
        assert [(item.code, item.line) for item in found] == [(code, 2)], name
        assert found[0].found == "the alias *a0 is not allowed"
        path.write_text(f"a: {'[' * 50}{']' * 50}")
        assert (
            "nested deeper than 20 levels"
            in next(finding for finding in check(small) if finding.file == str(path)).found
        )
        path.write_bytes(before)
