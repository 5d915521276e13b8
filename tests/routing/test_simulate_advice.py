"""What is advised is what would help, by what it says it would."""

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
            Operator(str(1001 + at), dict.fromkeys(each.split(), 5), present=True) for at, each in enumerate(languages)
        )
    )


def tried(team: Team, day: int) -> Totals:
    totals = Totals(LANGUAGES, 4)
    totals.add(simulate(draw(DEMAND, 3, day), team, Engine()))
    return totals


@pytest.fixture(scope="module")
def advice() -> list[Advice]:
    return advise(team("ar", "ar", "ar", "ar", "fr", "fr", "fr", "nl"), LANGUAGES, tried, level=4, days=6)


def test_the_language_of_the_one_overworked_operator_is_taught_to_somebody(advice: list[Advice]) -> None:
    assert advice[0].lesson.language == "nl"
    assert advice[0].worst > 0.1
    assert advice[0].days == 6


def test_the_best_comes_first(advice: list[Advice]) -> None:
    gains = [each.overall + each.worst for each in advice]
    assert gains == sorted(gains, reverse=True)


def test_what_is_promised_is_what_happens_when_it_is_taught(advice: list[Advice]) -> None:
    before, best = team("ar", "ar", "ar", "ar", "fr", "fr", "fr", "nl"), advice[0]
    after = before.taught(best.lesson.operator, best.lesson.language, 4)
    gains = [(tried(after, day).level() or 0) - (tried(before, day).level() or 0) for day in range(6)]
    assert best.overall == pytest.approx(sum(gains) / 6)


def test_of_operators_who_are_alike_one_is_tried() -> None:
    found = lessons(team("ar", "ar", "fr ar", "ar fr nl"), LANGUAGES)
    assert [(each.operator, each.language) for each in found] == [("1001", "fr"), ("1001", "nl"), ("1003", "nl")]


def test_where_everybody_speaks_everything_there_is_nothing_to_teach() -> None:
    assert advise(team("ar fr nl"), LANGUAGES, tried, level=3, days=1) == []


def test_progress_is_told_to_its_end() -> None:
    told: list[tuple[int, int]] = []
    advise(
        team("ar", "fr nl", "nl"), LANGUAGES, tried, level=3, days=3,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {total for _, total in told} == {len(told)}
