"""The table of the knee: one line for each rate and each way of answering."""

from bench.knee import Row, head, line_of
from bench.load import Measured


def test_a_line_gives_times_losses_processor_time_a_call_and_memory() -> None:
    measured = Measured([1.0, 2.0, 9.0], [0.5, 0.6, 4.0], late_ms=[0.0, 0.1, 30.0, 0.1], lost={"no answer": 1})
    row = Row(130.0, "Hatif", measured, {"asterisk": 0.02, "controller": 0.004, "guard": 1.0}, 100 * 2**20)
    titles, line = head().splitlines()[0], line_of(row)
    assert line == "| 130 | Hatif | 2.00 / 9.00 | 0.60 / 4.00 | 1 | 30.0 | 5000 | 1000 | 100 |"
    assert titles.count("|") == line.count("|")
