"""The environment says where an installation lives; what is wrong in it is told in one sentence."""

from pathlib import Path

import pytest

from ivr.settings import CHECKOUT, SettingsError, read

EXAMPLE = CHECKOUT / "sites" / "consulate"


def test_without_any_setting_the_example_runs_in_the_checkout() -> None:
    settings = read({})
    assert (settings.home, settings.site, settings.offset) == (CHECKOUT / "var", EXAMPLE, 0)
    assert settings.control_port == 8070
    assert read({"HATIF_HOME": "", "HATIF_SITE": ""}) == settings


def test_all_that_runs_lives_in_the_home(tmp_path: Path) -> None:
    settings = read({"HATIF_HOME": str(tmp_path)})
    for path in (settings.journal, settings.sounds, settings.versions, settings.run, settings.log):
        assert path.parent == tmp_path


def test_the_database_is_that_of_the_environment_else_of_the_site_else_in_the_home(tmp_path: Path) -> None:
    settings = read({"HATIF_HOME": str(tmp_path), "HATIF_DATABASE": ""})
    assert settings.database_url(None) == f"sqlite:///{tmp_path}/hatif.db"
    assert settings.database_url("postgresql://site") == "postgresql://site"
    named = read({"HATIF_HOME": str(tmp_path), "HATIF_DATABASE": "postgresql://named"})
    assert named.database_url("postgresql://site") == "postgresql://named"


@pytest.mark.parametrize("offset", [0, 1000, 50_000])
def test_the_offset_is_added_to_the_port(offset: int) -> None:
    assert read({"HATIF_PORT_OFFSET": str(offset)}).control_port == 8070 + offset


@pytest.mark.parametrize(
    "text", ["", " 1000", "-1000", "1", "999", "1500", "51000", "1e3", "1000.0", "١٠٠٠", "²", "ten"]
)
def test_an_offset_that_is_no_multiple_of_1000_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        read({"HATIF_PORT_OFFSET": text})
    assert str(error.value) == f"HATIF_PORT_OFFSET is {text!r}; it must be a multiple of 1000 from 0 to 50000."


def test_a_site_without_its_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        read({"HATIF_SITE": str(tmp_path)})
    assert str(error.value) == f"HATIF_SITE is {tmp_path}, which has no site.toml; name the folder of a site."


def test_a_relative_path_counts_from_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    assert read({"HATIF_HOME": "run"}).home == tmp_path / "run"
    assert read({"HATIF_HOME": "~/hatif"}).home == tmp_path / "person" / "hatif"
