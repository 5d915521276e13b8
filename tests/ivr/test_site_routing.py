"""`[routing]` of site.toml: its defaults are the policy's, and a mistake is reported with its line."""

import tomllib
from pathlib import Path

import pytest
from site_files import line_of
from test_site import SITE, site_refusal

from ivr.check.site_check import former_findings
from ivr.site import former_settings, site
from ivr.site.routing import Routing
from routing.policy import Policy

FORMER = ("routing", "head_start_s")


def test_a_site_without_routing_settings_has_the_default_policy(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    assert site.load(tmp_path).routing.policy == Policy()


def test_each_figure_of_the_policy_can_be_changed_by_its_name(tmp_path: Path) -> None:
    figures = {"passing": 41.5, "hold_s": 0.0, "prefer_s": 5.0, "relax_s": 7.0}
    text = SITE + "\n[routing]\n" + "".join(f"{name} = {value}\n" for name, value in figures.items())
    assert tomllib.loads(text)["routing"] == figures
    (tmp_path / "site.toml").write_text(text)
    assert site.load(tmp_path).routing.policy == Policy(**figures)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("prefer = 30", "is not a valid name here"),
        ("hold_s = -1", "greater than or equal to 0, found -1"),
        ('relax_s = "long"', "found 'long'"),
        ("last_calls_min = 1.5", "found 1.5"),
        ("return_min = 61", "less than or equal to 60"),
        ("last_calls_min = -5", "greater than or equal to 0"),
        ("other_language_s = 99999", "less than or equal to 3600"),
    ],
)
def test_a_mistake_is_reported_with_its_line(tmp_path: Path, written: str, message: str) -> None:
    text = SITE + f"\n[routing]\n{written}\n"
    ((line, what),) = site_refusal(tmp_path, text)
    assert line == line_of(text, written)
    assert what.startswith(f"E_SITE_VALUE routing.{written.split()[0]}: ") and message in what


def test_callers_hear_about_closing_time_only_if_the_site_enables_it() -> None:
    usual = Routing()
    assert (usual.last_calls_min, usual.return_min) == (0, 10)


def test_a_setting_of_an_earlier_version_is_ignored_wherever_it_is_and_other_mistakes_are_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(former_settings, "FORMER", {("carrier", "colour"): "delete it", **former_settings.FORMER})
    assert "[[carrier]]" in SITE
    text = SITE.replace("[[carrier]]", '[[carrier]]\ncolour = "red"') + "\n[routing]\nhead_start_s = 20\nprefer_s = 3\n"
    (tmp_path / "site.toml").write_text(text)
    assert site.load(tmp_path).routing.policy == Policy(prefer_s=3)
    places = [place for place, _ in former_settings.take_out(tomllib.loads(text))]
    assert places == [*(("carrier", index, "colour") for index in range(SITE.count("[[carrier]]"))), FORMER]
    ((line, what),) = site_refusal(tmp_path, text.replace("prefer_s = 3", 'prefer_s = "three"'))
    assert line == line_of(text, "prefer_s") and "found 'three'" in what


def test_every_setting_of_an_earlier_version_is_a_warning_with_its_line_and_no_error(tmp_path: Path) -> None:
    text = SITE
    for table, name in former_settings.FORMER:
        header = f"[{table}]\n"
        text = text.replace(header, f"{header}{name} = 1\n") if header in text else f"{text}\n{header}{name} = 1\n"
    (tmp_path / "site.toml").write_text(text)
    assert site.load(tmp_path).routing.policy == Policy()
    found = {(finding.code, finding.line) for finding in former_findings(tmp_path)}
    lines = [line.partition(" =")[0] for line in text.splitlines()]
    assert found == {("W_SITE_FORMER", lines.index(name) + 1) for _, name in former_settings.FORMER}
