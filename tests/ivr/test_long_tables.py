"""Tables with many rows are printed without rich's layout, and look as if it had laid them out."""

import pytest

from cli import output

COLUMNS = ("id", "left\nmenu", "an-\nswered", "some\nvery-long")
ROWS: list[tuple[object, ...]] = [
    (f"k{row}", row * 7, None, "ü漢字عر" if row % 50 == 0 else "[x]" * (row % 4)) for row in range(300)
]


def printed(capsys: pytest.CaptureFixture[str], columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    output.as_table("Many of them", columns, rows)
    return capsys.readouterr().out


def test_a_long_table_looks_like_one_that_is_laid_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = printed(capsys, COLUMNS, ROWS)
    monkeypatch.setattr(output, "_MANY", len(ROWS))
    assert long == printed(capsys, COLUMNS, ROWS)
    assert long.splitlines()[3].startswith("k0")


def test_a_long_table_that_is_too_wide_is_laid_out(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[tuple[object, ...]] = [(f"k{row}", "word " * 100) for row in range(300)]
    text = printed(capsys, ("id", "text"), rows)
    assert text.count("word") == 300 * 100
    assert max(map(len, text.splitlines())) <= 250
