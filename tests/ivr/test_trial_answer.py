"""When the line answers, by number: at once, or when the call needs it; until then a call costs nobody anything."""

import math
from dataclasses import replace

import pytest
from trial_calls import FRENCH_NUMBER, place_call, steps
from trial_stage import stage

from ivr.flow import model
from ivr.trial.trial import Stage, TrialResult

HOURS_FIRST = """\
start: welcome
operator: queue
change_language: language
nodes:
  welcome: {kind: say, text: institution, next: hours}
  hours: {kind: hours, text: closed, open: language, closed: goodbye}
  language:
    kind: language
    text: language_option
    options: {1: ar, 2: fr, 3: en, 4: es, 5: it, 6: nl, 7: de}
    next: queue
  queue: {kind: queue, next: goodbye}
  goodbye: {kind: end, text: goodbye}
"""


@pytest.fixture(scope="module")
def early() -> Stage:
    """The example site, whose French number is answered when that is needed, and with the hours before any question."""
    usual = stage()
    numbers = tuple(
        number.model_copy(update={"answer": "when_needed"}) if number.number == FRENCH_NUMBER else number
        for number in usual.site.number
    )
    flow = model.parse(HOURS_FIRST, "flow.yaml", usual.site.languages, None, usual.version.guide)
    site = usual.site.model_copy(update={"number": numbers})
    return replace(usual, site=site, version=replace(usual.version, flow=flow))


def heard_before_the_answer(result: TrialResult) -> list[str]:
    """Return the first prompt of each announcement before the line answered; of all if it never did."""
    answered_at = next((step.at for step in steps(result, "answers")), math.inf)
    return [step.data["clips"][0].prompt for step in steps(result, "hears") if step.at < answered_at]


def test_the_line_answers_with_the_first_question(early: Stage) -> None:
    result = place_call("-2", on=early)
    assert heard_before_the_answer(result) == ["institution"]
    assert len(steps(result, "answers")) == 1
    assert steps(result, "hears", "language")[0].at == steps(result, "answers")[0].at


def test_a_key_that_is_pressed_before_the_question_leads_to_an_answer_before_the_queue(early: Stage) -> None:
    assert heard_before_the_answer(place_call("2", on=early)) == ["institution"]


def test_a_closed_line_is_never_answered(early: Stage) -> None:
    result = place_call("", on=early, opening="forced closed")
    assert not steps(result, "answers")
    assert heard_before_the_answer(result)[-2:] == ["closed", "goodbye"]


def test_another_number_of_the_same_site_answers_at_once(early: Stage) -> None:
    assert not steps(place_call("2", on=early, dialled="+32800212001"), "answers")  # told only where it is late
