"""What commands read of `site.toml` without checking the rest agrees with the whole; a fault in it is noticed."""

import re
from pathlib import Path

import pytest

from ivr.home.settings import EXAMPLE
from ivr.site import basics, site

WHOLE = (EXAMPLE / "site.toml").read_text(encoding="utf-8")
TEXT = re.sub("^node.*\n", "", WHOLE, flags=re.MULTILINE)
LATER = '[database]\nurl = "postgresql://hatif@db.example/hatif"\n'


def written(folder: Path, text: str) -> Path:
    (folder / "site.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("text", [WHOLE, TEXT + LATER, 'node = "rabat-2"\nnode_number = 7\n' + TEXT])
def test_the_basics_are_those_of_the_whole_site(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, text)
    assert basics.read(folder) == site.load(folder).basics


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "', 'name = "No, '),
        ("name = ", "# name = "),
        ('languages = ["', 'languages = ["xx yy", "'),
        ("languages = [", 'languages = ["ar", '),
        ('timezone = "', 'timezone = "Moon/'),
        ("[hours]", "[hourz]"),
        ("", "node_number = 10\n"),
        ("", 'node = "no node"\n'),
        ("", "database = { url = 5 }\n"),
        ("", "broken"),
    ],
)
def test_what_is_not_plainly_right_is_left_to_the_check_of_the_whole_site(tmp_path: Path, old: str, new: str) -> None:
    folder = written(tmp_path, TEXT.replace(old, new, 1) if old else new + TEXT)
    assert basics.read(folder) is None
    with pytest.raises(site.SiteError):
        site.load(folder)


def test_without_a_file_there_are_no_basics(tmp_path: Path) -> None:
    assert basics.read(tmp_path) is None
