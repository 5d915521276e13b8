"""Guessing across case files is told from honest mistakes by the number of files within an hour."""

from ivr.cases.guessing import WINDOW_S, Guessing, Noticed

START = 1_795_600_000.0


def tries(guessing: Guessing, first: int, last: int, at: float = START) -> list[Noticed | None]:
    return [guessing.failed(f"file {n}", f"number {n % 4}", at) for n in range(first, last)]


def test_it_is_noticed_once_and_once_more_when_pins_are_no_longer_checked() -> None:
    guessing = Guessing(5, 8)
    assert tries(guessing, 0, 10) == [*[None] * 4, Noticed(5, 4), None, None, Noticed(8, 4), None, None]
    assert guessing.operators_only(START) and guessing.noticed_since(START) == START


def test_a_file_that_is_tried_again_and_again_counts_once() -> None:
    guessing = Guessing(5, 8)
    for n in range(100):
        assert guessing.failed(f"file {n % 4}", "number", START) is None
    assert guessing.noticed_since(START) is None and not guessing.operators_only(START)


def test_mistakes_over_a_day_are_no_guessing() -> None:
    guessing = Guessing(5, 8)
    for n in range(100):
        assert guessing.failed(f"file {n}", "number", START + n * WINDOW_S / 4) is None


def test_pins_are_checked_again_once_fewer_files_than_the_alarm_needs_were_tried_and_it_is_noticed_anew() -> None:
    guessing = Guessing(5, 8)
    tries(guessing, 0, 4)
    tries(guessing, 4, 8, START + 600)
    assert guessing.operators_only(START + WINDOW_S - 1)
    assert not guessing.operators_only(START + WINDOW_S) and guessing.noticed_since(START + WINDOW_S) is None
    assert tries(guessing, 10, 12, START + WINDOW_S) == [Noticed(5, 4), None]


def test_made_up_references_take_only_bounded_memory() -> None:
    guessing = Guessing(5, 8)
    tries(guessing, 0, 20_000)
    assert len(guessing._failures) == 10_000
