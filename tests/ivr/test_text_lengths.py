"""`hatif prompts lengths`: every text's seconds in every language, measured or estimated."""

import csv
import io
import json
from pathlib import Path

import pytest
import shell as shells
import small_site
from small_site import SmallSite


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return small_site.make(tmp_path / "home")


def lengths(site: SmallSite, *options: str) -> str:
    answer = shells.Shell(site.sounds.parent, site.folder).run("prompts", "lengths", *options)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def test_the_seconds_are_those_of_the_audio_and_estimates_are_marked(small: SmallSite) -> None:
    small.heard("ar", "goodbye", seconds=13.2)
    small.heard("en", "goodbye", text="Until soon.")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(lengths(small, "--csv")))}
    assert rows["goodbye"] == {"id": "goodbye", "ar_s": "13.2", "en_s": "~1.1"}  # "Goodbye." at 14 letters a second
    assert rows["alarm"] == {"id": "alarm", "ar_s": "0.1", "en_s": "0.1"}
    document = {(row["language"], row["id"]): row for row in json.loads(lengths(small, "--json"))}
    assert document["ar", "goodbye"] == {"language": "ar", "id": "goodbye", "seconds": 13.2, "estimated": False}
    assert document["en", "goodbye"]["estimated"]


def test_the_table_counts_what_is_too_long_and_shows_the_longest(small: SmallSite) -> None:
    small.heard("ar", "goodbye", seconds=13.2)
    lines = [line.split() for line in lengths(small).splitlines()]
    texts = next(line[1] for line in lines if line[:1] == ["en"])
    assert ["ar", texts, "0", "13.2", "1", "0"] in lines
    assert lines[lines.index(["id", "ar", "en"]) + 1] == ["goodbye", "13.2", "0.1"]
