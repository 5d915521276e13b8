"""The words of reports: every language has all of them, with the same gaps, and numbers and days as it writes them."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from reports.words import FOLDER, LANGUAGES, load

CHECKOUT = FOLDER.parent.parent
TRANSLATED = [code for code in LANGUAGES if code != "en"]


def gaps(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", text))


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_and_no_other(code: str, tmp_path: Path) -> None:
    pot = tmp_path / "reports.pot"
    pybabel = str(Path(sys.executable).with_name("pybabel"))
    command = [pybabel, "-q", "extract", "-F", "reports/babel.cfg", "-k", "N_", "-o", str(pot), "reports"]
    subprocess.run(command, cwd=CHECKOUT, check=True)
    with pot.open("rb") as file:
        wanted = {message.id for message in read_po(file) if message.id}
    with (FOLDER / f"{code}.po").open("rb") as file:
        found = {message.id: message for message in read_po(file, locale=code) if message.id}
    assert {*found} == wanted
    for text, message in found.items():
        assert isinstance(text, str) and isinstance(message.string, str)
        assert message.string and not message.fuzzy, text
        assert gaps(message.string) == gaps(text), text


def test_numbers_days_and_times_are_written_as_in_each_language() -> None:
    french, arabic, english = (load(code) for code in LANGUAGES)
    assert [words.percent(0.8113) for words in (french, arabic, english)] == ["81,1\xa0%", "81,1%", "81.1%"]
    assert [words.count(12_345) for words in (arabic, english)] == ["12.345", "12,345"]
    assert french.weekday(date(2026, 10, 25)) == "dim. 25 oct. 2026"
    assert english.hours(90 * 3600 + 59) == "90:01"
    assert [english.percent(None), english.tenths(None), english.count(None), english.hours(None)] == ["–"] * 4
    assert [words.is_rtl for words in (french, arabic, english)] == [False, True, False]


def test_a_language_that_reports_do_not_have_is_english() -> None:
    assert load("nl").text("Calls") == "Calls"
    assert (load("fr").language_name("nl"), load("en").country_name("QQ")) == ("néerlandais", "QQ")
