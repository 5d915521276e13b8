"""Advice names lessons that would really help, with the gain that they would bring."""

import pytest

from routing.engine import Engine
from routing.simulation.advice import Advice, advise, lessons
from routing.simulation.day import simulate
from routing.simulation.demand import Demand, draw
from routing.simulation.team import Team
from routing.simulation.totals import Totals
from routing.states import Operator

LANGUAGES = ("ar", "fr", "nl")
DEMAND = Demand(LANGUAGES, (50.0,) * 4, ((0.4, 0.4, 0.2),))


def team(*languages: str) -> Team:
    return Team(
        tuple(
            Operator(str(1001 + at), dict.fromkeys(spoken.split(), 5), present=True)
            for at, spoken in enumerate(languages)
        )
    )


def run_day(team: Team, day: int) -> Totals:
    totals = Totals(LANGUAGES, 4)
    totals.add(simulate(draw(DEMAND, 3, day), team, Engine(explains=False)))
    return totals


@pytest.fixture(scope="module")
def advice() -> list[Advice]:
    return advise(team("ar", "ar", "ar", "ar", "fr", "fr", "fr", "nl"), LANGUAGES, run_day, level=4, days=6)


def test_the_language_of_the_single_overworked_operator_is_advised(advice: list[Advice]) -> None:
    assert advice[0].lesson.language == "nl"
    assert advice[0].worst > 0.1
    assert advice[0].days == 6


def test_the_best_comes_first(advice: list[Advice]) -> None:
    gains = [item.overall + item.worst for item in advice]
    assert gains == sorted(gains, reverse=True)


def test_the_promised_gain_is_what_the_lesson_brings(advice: list[Advice]) -> None:
    before, best = team("ar", "ar", "ar", "ar", "fr", "fr", "fr", "nl"), advice[0]
    after = before.with_language(best.lesson.operator, best.lesson.language, 4)
    gains = [(run_day(after, day).level() or 0) - (run_day(before, day).level() or 0) for day in range(6)]
    assert best.overall == pytest.approx(sum(gains) / 6)


def test_of_like_operators_only_one_is_tried() -> None:
    found = lessons(team("ar", "ar", "fr ar", "ar fr nl"), LANGUAGES)
    assert [(item.operator, item.language) for item in found] == [("1001", "fr"), ("1001", "nl"), ("1003", "nl")]


def test_if_everybody_speaks_everything_there_is_no_advice() -> None:
    assert advise(team("ar fr nl"), LANGUAGES, run_day, level=3, days=1) == []


def test_progress_is_reported_to_the_end() -> None:
    reports: list[tuple[int, int]] = []
    advise(
        team("ar", "fr nl", "nl"), LANGUAGES, run_day, level=3, days=3,
        progress=lambda done, total: reports.append((done, total)),
    )  # fmt: skip
    assert [done for done, _ in reports] == list(range(1, len(reports) + 1))
    assert {total for _, total in reports} == {len(reports)}
