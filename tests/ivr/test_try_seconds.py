"""`hatif try --seconds`: a path's seconds in every language, from the lengths of the built audio."""

import json
from pathlib import Path
from typing import Any

import pytest
import shell as shells
import small_site
from small_site import SmallSite

from ivr.trial.moments import Moment, What, align
from prompts.manifest import PAUSE_S, SHORT_PAUSE_S

CLIP_S = 0.1
"""Each clip of the small site."""
BETWEEN_S = PAUSE_S + 2 * SHORT_PAUSE_S
"""The pauses between two options with their keys."""
MONDAY = "2026-11-23T10:00"
ENGLISH_HOME = "+447400123456"


def about(seconds: float) -> Any:
    """Return the seconds with what Asterisk and the database take to answer."""
    return pytest.approx(seconds, abs=0.03)


class Shell(shells.Shell):
    def __init__(self, site: SmallSite) -> None:
        super().__init__(site.sounds.parent, site.folder)

    def moments(self, *keys: str) -> dict[tuple[str, str, str], dict[str, float]]:
        """Return the seconds by language of each moment: what, node, name."""
        rows = self.document(*keys)["moments"]
        return {(row["what"], row["node"], row["name"]): row["at"] for row in rows}

    def document(self, *keys: str) -> dict[str, Any]:
        answer = self.run("try", "--seconds", "--json", "--at", MONDAY, *keys)
        assert (answer.returncode, answer.stderr) == (0, "")
        found: dict[str, Any] = json.loads(answer.stdout)
        return found

    def refuses(self, *keys: str) -> str:
        answer = self.run("try", "--seconds", "--at", MONDAY, *keys)
        assert (answer.returncode, answer.stdout) == (1, "")
        return " ".join(answer.stderr.split()).removeprefix("hatif: ")


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return small_site.make(tmp_path / "home")


@pytest.fixture
def shell(small: SmallSite) -> Shell:
    return Shell(small)


def test_a_key_is_pressed_as_soon_as_it_has_been_named_in_each_language(small: SmallSite, shell: Shell) -> None:
    for prompt in ("language_option", "main_travel"):
        small.audio_lasts("en", prompt, 1.5)
    found = shell.moments("2", "2")
    # The likeliest language comes first: English in Great Britain, Arabic for a hidden number.
    assert found["own_language", "language", ""] == {
        "ar": about(2 * CLIP_S + SHORT_PAUSE_S),
        "en": about(1.6 + SHORT_PAUSE_S),
    }
    assert found["presses", "language", ""] == found["own_language", "language", ""]
    # Papers, its key, travel, its key.
    begins, presses = found["hears", "main", "main_papers"], found["presses", "main", "2"]
    assert {language: presses[language] - begins[language] for language in presses} == {
        "ar": about(4 * CLIP_S + BETWEEN_S),
        "en": about(3 * CLIP_S + 1.5 + BETWEEN_S),
    }
    assert found["queued", "queue", ""] == presses


def test_a_key_that_is_not_announced_is_pressed_after_the_announcement(shell: Shell) -> None:
    found = shell.moments("2", "0")
    main = shell.document("2", "0")["moments"]
    lasts = next(row["lasts"] for row in main if row["node"] == "main" and row["what"] == "hears")
    begins, presses = found["hears", "main", "main_papers"], found["presses", "main", "0"]
    assert presses == {code: about(begins[code] + lasts[code] + 0.5) for code in ("ar", "en")}


def test_without_a_key_of_the_language_menu_each_caller_is_from_home(small: SmallSite, shell: Shell) -> None:
    assert shell.refuses().startswith("No country of the site has ar as its likeliest language")
    small.edit("site.toml", "[countries.GB]", '[countries.MA]\nlanguages = ["ar"]\n\n[countries.GB]')
    callers = {caller["language"]: caller for caller in shell.document("-")["callers"]}
    assert callers["en"]["from"] == ENGLISH_HOME
    assert callers["ar"]["from"].startswith("+212")


def test_a_path_that_serves_everybody_in_one_language_is_refused(shell: Shell) -> None:
    refused = shell.refuses("--from", ENGLISH_HOME, "-")
    assert refused.startswith("On this path a caller is served in en, not in ar: begin KEYS with a key of the language")


def test_texts_without_audio_and_audio_of_an_earlier_text_are_refused(small: SmallSite, shell: Shell) -> None:
    small.heard("en", "main_papers", text="For papers and forms,")
    remedy = "run `hatif prompts build`."
    stale = "The audio of 1 (en/main_papers) of the texts on this path is of an earlier text"
    assert shell.refuses("2") == f"{stale}; {remedy}"
    small.heard("en", "main_papers")
    assert shell.refuses("2") == f"1 (en/main_papers) of the texts on this path have no audio; {remedy}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Write --from NUMBER, or --from hidden."),
        (
            ("--seconds", "--language-of-last-call", "en"),
            "--seconds tries every language; leave --language-of-last-call out.",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(shell: Shell, arguments: tuple[str, ...], sentence: str) -> None:
    answer = shell.run("try", *arguments)
    assert (answer.returncode, " ".join(answer.stderr.split())) == (1, f"hatif: {sentence}")


def test_the_tables_have_a_column_for_each_language(shell: Shell) -> None:
    answer = shell.run("try", "--seconds", "--at", MONDAY, "2", "1", "1", "h")
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["moment", "ar", "en"] in lines
    own, menu = f"{2 * CLIP_S + SHORT_PAUSE_S:.1f}", f"{4 * CLIP_S + BETWEEN_S:.1f}"  # two languages, two clips each
    assert ["language:", "own", "language", "heard", own, own] in lines
    assert ["language:", "language_option", menu, menu] in lines


def test_a_moment_that_only_one_call_has_gets_a_row_at_its_place() -> None:
    def heard(name: str, at: float) -> Moment:
        return Moment(What.HEARS, "papers", name, at, 1.0)

    rows = align(
        {
            "ar": [heard("step", 0), heard("end", 2)],
            "en": [heard("step", 0), heard("remark", 1), heard("end", 2), heard("end", 3)],
        }
    )
    assert [(row.name, row.nth, list(row.moments)) for row in rows] == [
        ("step", 1, ["ar", "en"]),
        ("remark", 1, ["en"]),
        ("end", 1, ["ar", "en"]),
        ("end", 2, ["en"]),
    ]
