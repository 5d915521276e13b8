"""The settings come from the environment; a wrong one is reported in one sentence."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from every import every

from ivr.home import line_settings
from ivr.home.line_settings import VERSION, KeptLine
from ivr.home.settings import EXAMPLE, SettingsError, read


@pytest.fixture(autouse=True)
def checkout(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which no line has been set up yet."""
    folder = tmp_path_factory.mktemp("checkout")
    monkeypatch.setattr("ivr.home.settings.USUAL_HOME", folder / "var")
    return folder


def test_without_settings_the_example_site_is_used_in_the_checkout(checkout: Path) -> None:
    settings = read({})
    assert (settings.home, settings.site, settings.offset) == (checkout / "var", EXAMPLE, 0)
    assert settings.control_port == 8070
    assert read({"HATIF_HOME": "", "HATIF_SITE": ""}) == settings


def test_all_run_time_files_are_in_the_home(tmp_path: Path) -> None:
    settings = read({"HATIF_HOME": str(tmp_path)})
    for path in (settings.journal, settings.sounds, settings.versions, settings.run, settings.log):
        assert path.parent == tmp_path


def test_the_database_is_the_environment_s_else_the_site_s_else_in_the_home(tmp_path: Path) -> None:
    settings = read({"HATIF_HOME": str(tmp_path), "HATIF_DATABASE": ""})
    assert settings.database_url(None) == f"sqlite:///{tmp_path}/hatif.db"
    assert settings.database_url("postgresql://site") == "postgresql://site"
    named = read({"HATIF_HOME": str(tmp_path), "HATIF_DATABASE": "postgresql://named"})
    assert named.database_url("postgresql://site") == "postgresql://named"


@pytest.mark.parametrize("offset", [0, 1000, 50_000])
def test_the_offset_is_added_to_the_port(offset: int) -> None:
    assert read({"HATIF_PORT_OFFSET": str(offset)}).control_port == 8070 + offset


@every("text", ["", " 1000", "-1000", "1", "999", "1500", "51000", "1e3", "1000.0", "١٠٠٠", "²", "ten"])
def test_an_offset_that_is_not_a_multiple_of_1000_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        read({"HATIF_PORT_OFFSET": text})
    assert str(error.value) == f"HATIF_PORT_OFFSET is {text!r}; it must be a multiple of 1000 from 0 to 50000."


def test_a_site_without_site_toml_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        read({"HATIF_SITE": str(tmp_path)})
    assert str(error.value) == f"HATIF_SITE is {tmp_path}, which has no site.toml; set it to the folder of a site."


def test_a_relative_path_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    assert read({"HATIF_HOME": "run"}).home == tmp_path / "run"
    assert read({"HATIF_HOME": "~/hatif"}).home == tmp_path / "person" / "hatif"


SET_UP = KeptLine(2000)


def another_site(folder: Path) -> str:
    (folder / "site.toml").write_text("")
    return str(folder)


def test_the_settings_of_a_line_need_not_be_repeated(tmp_path: Path) -> None:
    line_settings.write(tmp_path, KeptLine(3000, another_site(tmp_path), "postgresql://kept", "/opt/asterisk"))
    settings = read({"HATIF_HOME": str(tmp_path)})
    assert (settings.offset, settings.site, settings.database) == (3000, tmp_path, "postgresql://kept")
    assert settings.asterisk == "/opt/asterisk"
    assert read({"HATIF_HOME": str(tmp_path), "HATIF_PORT_OFFSET": "3000", "HATIF_SITE": str(tmp_path)}) == settings
    assert (tmp_path / line_settings.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HATIF_PORT_OFFSET", "0", "HATIF_PORT_OFFSET is 0, but the line in {home} has 2000."),
        ("HATIF_SITE", "{home}", "HATIF_SITE is {home}, but the line in {home} has the example site."),
        ("HATIF_ASTERISK", "/a", "HATIF_ASTERISK is /a, but for the line in {home} it was not set."),
        ("HATIF_DATABASE", "x://a:b@c", "HATIF_DATABASE is not the database of the line in {home}."),
    ],
)
def test_another_line_s_environment_is_refused_with_a_remedy(
    name: str, value: str, message: str, tmp_path: Path
) -> None:
    another_site(tmp_path)
    line_settings.write(tmp_path, SET_UP)
    environment = {"HATIF_HOME": str(tmp_path), name: value.format(home=tmp_path)}
    with pytest.raises(SettingsError) as error:
        read(environment)
    assert str(error.value) == (
        f"{message.format(home=tmp_path)} Unset {name} to work with that line, or set HATIF_HOME for another one. To"
        " change that line, stop it, then run `hatif setup --change`."
    )
    assert read(environment, bound=False).home == tmp_path
    assert read({"HATIF_HOME": str(tmp_path)}, fresh=True).offset == 0


@pytest.mark.parametrize(("version", "refused"), [("0.0.9", False), (VERSION, False), ("999.0", True)])
def test_a_line_of_a_newer_hatif_is_refused(version: str, refused: bool, tmp_path: Path) -> None:
    line_settings.write(tmp_path, replace(SET_UP, version=version))
    with pytest.raises(SettingsError, match=r"set up by Hatif 999.0") if refused else nullcontext():
        read({"HATIF_HOME": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"offset": "2000"}', '{"offset": 0, "site": 1}'])
def test_a_broken_settings_file_is_reported(text: str, tmp_path: Path) -> None:
    (tmp_path / line_settings.FILE).write_text(text)
    with pytest.raises(SettingsError, match=rf"{tmp_path}/line.json cannot be read .*Restore it, or remove it"):
        read({"HATIF_HOME": str(tmp_path)})


def test_a_stored_site_that_is_gone_is_reported(tmp_path: Path) -> None:
    line_settings.write(tmp_path, replace(SET_UP, site=str(tmp_path / "gone")))
    with pytest.raises(SettingsError, match=rf"The site in {tmp_path}/line.json is {tmp_path}/gone"):
        read({"HATIF_HOME": str(tmp_path)})
