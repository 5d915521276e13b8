"""`hatif setup` checks the site of a new line before it downloads anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import small_site
from conftest import short_folder
from shell import Answer, Shell
from small_site import SmallSite

from asterisk_conf.errors import AsteriskError
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """A valid site for `hatif setup`, which says where it would begin to download."""

    def fetch(*_: object, **__: object) -> None:
        raise AsteriskError("here it downloads")

    monkeypatch.setattr("cli.processes.setup._fetch_and_speak", fetch)
    monkeypatch.setattr("cli.check.PROMPTS", small_site.NEEDED)
    monkeypatch.setattr("cli.check.findings_of_age", lambda *_: ())
    with short_folder("hatif-setup-") as folder:
        yield small_site.make(Path(folder) / "home")


def set_up(small: SmallSite, *arguments: str) -> Answer:
    return Shell(small.folder.parent / "line", small.folder).run("setup", *arguments)


def test_a_site_with_mistakes_is_refused_before_anything_is_downloaded_and_nothing_is_made(small: SmallSite) -> None:
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    small.edit("operators.csv", "Zoe Laurel", "Zoe @ Laurel")
    refused = set_up(small)
    lines = refused.stderr.splitlines()
    assert refused.returncode == 1
    assert [line.split()[1] for line in lines[:-1]] == ["E_FLOW_TEXT", "E_UP_REFUSED"]
    assert lines[-1] == (
        f"hatif: Nothing was set up: {small.folder} has 2 errors. Correct the site until `hatif check` has no other"
        " errors than those of audio, and run `hatif setup` again."
    )
    assert not (small.folder.parent / "line").exists()


def test_a_valid_site_is_set_up_without_its_audio_and_with_warnings(small: SmallSite) -> None:
    small.edit("flow.yaml", "announcements: [alarm]\n", "")
    assert set_up(small).stderr == "hatif: here it downloads\n"


def test_a_carriers_password_that_is_not_known_is_asked_for_before_anything_is_downloaded(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.edit(
        "site.toml", 'hosts = ["127.0.0.2"]', 'hosts = ["127.0.0.2"]\nregistrar = "127.0.0.2:5060"\nuser = "4711"'
    )
    assert "E_CARRIER_PASSWORD our password at the carrier 'one' is not known" in set_up(small).stderr
    monkeypatch.setattr("sys.stdin.readline", lambda: "a password of the carrier\n", raising=False)
    assert Shell(small.folder.parent / "line", small.folder).run("carriers", "password", "one").returncode == 0
    assert set_up(small).stderr == "hatif: here it downloads\n"


def test_a_line_that_was_set_up_before_is_set_up_again_whatever_its_texts_are(small: SmallSite) -> None:
    """After an upgrade its texts may lack new ones: the old audio stays in use, and `hatif check` names them."""
    home = small.folder.parent / "line"
    line_settings.write(home, KeptLine(19000, str(small.folder)))
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert set_up(small).stderr == "hatif: here it downloads\n"
    assert "E_FLOW_TEXT" in set_up(small, "--change").stderr
