"""What the page of health says about voices and messages' texts is a sentence in one language, whatever they do."""

from collections.abc import Collection

import pytest

from cli.processes.background_checks import (
    check_consulates,
    check_gate,
    check_message_texts,
    check_pages,
    check_prompts,
    check_reading,
    check_voices,
)
from cli.processes.check import Check, Phrase
from cli.speech import state
from desk.page.texts import load
from ivr.home.settings import EXAMPLE
from ivr.site import site
from ivr.site.site import Site
from prompts import progress

SAID = load()

PAGES = {"picture_age_s": 5.0, "figures_age_s": 12.0, "failing_parts": 0.0, "browsers": 3.0}
GATE = {"loop_age_s": 1.0, "asterisk_refuses": 0.0, "telephones": 2.0}

EXAMPLE_SITE = site.load(EXAMPLE)


def of_numbers(live: Collection[str | None]) -> Site:
    """Return the example site, some of whose numbers are live ones: those of these countries."""
    numbers = (
        entry.model_copy(update={"number": entry.number.replace("00212", "00999")}) if entry.country in live else entry
        for entry in EXAMPLE_SITE.number
    )
    return EXAMPLE_SITE.model_copy(update={"number": tuple(numbers)})


STATES = [
    *(
        pytest.param(check_voices(progress.Progress(doing, "nl", 3, 580, left_s=left_s)), id=f"voices {doing} {left_s}")
        for doing in progress.Doing
        for left_s in (None, 90.0)
    ),
    *(
        pytest.param(check_message_texts(state.State(doing, None, 4, 17, 1), runs=True), id=f"texts {doing}")
        for doing in state.Doing
    ),
    *(
        pytest.param(check_pages(counts), id=f"pages {name}")
        for name, counts in (
            ("none", None),
            ("starting", {}),
            ("well", PAGES),
            ("old", {**PAGES, "picture_age_s": 40.0}),
            ("failing", {**PAGES, "failing_parts": 2.0}),
            ("old figures", {**PAGES, "figures_age_s": 99.0}),
        )
    ),
    *(
        pytest.param(check, id=f"prompts {name}")
        for name, missing in (
            ("well", {}),
            ("missing", {"menus": {"nl": 3}}),
            ("made", {"others": {"nl": 3}, "builds": True}),
        )
        for check in check_prompts({"menus": {}, "others": {}, "builds": False, **missing})
    ),
    *(pytest.param(check, id="consulates") for check in check_consulates({"NL": 1, "FR": 3}, of_numbers({"FR"}))),
    *(
        pytest.param(check, id=f"reading {alarms:g}")
        for alarms in (0.0, 2.0)
        for check in check_reading({"reading_alarms": alarms})
    ),
    *(
        pytest.param(check_gate(counts), id=f"gate {name}")
        for name, counts in (
            ("none", None),
            ("starting", {}),
            ("well", GATE),
            ("hangs", {**GATE, "loop_age_s": 40.0}),
            ("refused", {**GATE, "asterisk_refuses": 1.0}),
        )
    ),
    pytest.param(check_message_texts(None, runs=True), id="texts are starting"),
    pytest.param(check_message_texts(None, runs=False), id="no texts"),
]


@pytest.mark.parametrize("check", STATES)
def test_each_state_is_said_in_every_language_with_numbers_and_no_english_word(check: Check) -> None:
    assert isinstance(check.found, Phrase)
    assert check.found.text % check.found.values == check.found
    assert all(isinstance(value, int) or value == "nl" for value in check.found.values.values())
    said = {code: language.text(check.found.text, **check.found.values) for code, language in SAID.items()}
    assert said["en"] == check.found and len(set(said.values())) == len(SAID)
    assert all(str(value) in text for text in said.values() for value in check.found.values.values())


def test_a_voice_that_is_being_made_says_how_long_it_takes_about() -> None:
    made = progress.Progress(progress.Doing.SPEAKING, "nl", 3, 580, left_s=570.0)
    assert check_voices(made).found == "nl: 3 of 580 made, about 10 min left"
    assert check_voices(progress.Progress(progress.Doing.SPEAKING, "nl", 579, 580, left_s=2.0)).found.endswith(
        " 1 min left"
    )


@pytest.mark.parametrize(
    ("live", "count"),
    [((), 0), (("FR",), 3), (("FR", "NL"), 4), (("GB",), 0), ((None,), 4)],
    ids=["the example's", "one", "two", "without a sample", "of several countries"],
)
def test_samples_of_consulates_are_named_as_long_as_a_live_number_would_speak_one(
    live: tuple[str | None, ...], count: int
) -> None:
    checks = check_consulates({"FR": 3, "NL": 1}, of_numbers(live))
    assert [check.found.rpartition(" ")[2] for check in checks] == ([str(count)] if count else [])
    assert not any(check.fatal or check.ok for check in checks)
    assert check_consulates({}, of_numbers(live)) == []
