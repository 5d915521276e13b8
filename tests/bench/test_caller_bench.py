"""The table of a caller's minute: its figures, what is wanted, and what is missing."""

import sys
from pathlib import Path

import pytest
import small_site
from small_site import SmallSite

from bench.caller import __main__ as program
from bench.caller.ground import load_ground
from ivr.trial import caller_figures
from ivr.trial.caller_figures import Figure
from ivr.trial.ground import GroundError
from prompts.manifest import PAUSE_S, SHORT_PAUSE_S

OWN, MENU, OPERATOR, QUEUED, ONLY_STAR, PICK_UP = 0, 1, 2, 3, 5, 7
"""The figures of a site without the procedure that the table measures."""


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    site = small_site.make(tmp_path / "home")
    site.edit("site.toml", "[countries.GB]", '[countries.MA]\nlanguages = ["ar"]\n\n[countries.GB]')
    return site


def measure(site: SmallSite) -> list[Figure]:
    return caller_figures.measure(load_ground(site.folder, site.sounds))


def test_the_figures_are_those_of_the_audio(small: SmallSite) -> None:
    before = measure(small)
    small.audio_lasts("ar", "key_2", 3.05)
    small.audio_lasts("en", "main_papers", 2.1)
    found = measure(small)
    assert found[OWN].values == {
        "ar": pytest.approx(3.15 + SHORT_PAUSE_S, abs=0.03),
        "en": pytest.approx(0.2 + SHORT_PAUSE_S, abs=0.03),
    }
    assert (found[OWN].kept("ar"), found[OWN].kept("en")) == (False, True)
    assert found[MENU].values == dict.fromkeys(("ar", "en"), pytest.approx(3.35 + PAUSE_S + 2 * SHORT_PAUSE_S))
    # "two" is in the language menu, and in the main menu; the other text in the main menu only.
    later = {
        language: (found[QUEUED].values[language] or 0) - (before[QUEUED].values[language] or 0)
        for language in ("ar", "en")
    }
    assert later == {"ar": pytest.approx(2 * 2.95, abs=0.05), "en": pytest.approx(4.95, abs=0.05)}
    assert (found[ONLY_STAR].wanted, found[ONLY_STAR].kept("en")) == (None, True)


def test_what_callers_never_hear_is_not_kept(small: SmallSite) -> None:
    """The small site's menus do not name the operator."""
    found = measure(small)
    assert found[OPERATOR].values == {"ar": None, "en": None}
    assert not found[OPERATOR].kept("en")


def test_a_text_without_audio_is_not_measured(small: SmallSite) -> None:
    small.heard("en", "main_papers")
    with pytest.raises(GroundError, match="main_papers has no audio in en; run `hatif prompts build`"):
        measure(small)


def test_what_an_operator_hears_first_keeps_the_caller_waiting(small: SmallSite) -> None:
    before = measure(small)[PICK_UP].values
    small.audio_lasts("en", "talk_language_ar", 0.6)
    after = measure(small)[PICK_UP].values
    assert after["en"] == pytest.approx((before["en"] or 0) + 0.5, abs=0.05)
    assert after["ar"] == before["ar"]


def test_the_program_says_what_is_missing(small: SmallSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_SITE", str(small.folder))
    monkeypatch.setenv("HATIF_HOME", str(small.folder.parent / "nowhere"))
    monkeypatch.setattr(sys, "argv", ["bench.caller"])
    with pytest.raises(SystemExit, match="nowhere/sounds has no audio; run `hatif prompts build`"):
        program.main()
