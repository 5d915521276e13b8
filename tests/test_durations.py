"""Files of tests begin in the order of what they took the last time."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from durations import ELSEWHERE, DurationRecorder, order, read_durations
from line import CHECKOUT


def sorted_by(known: dict[str, float], **awaits: int) -> list[str]:
    return sorted(awaits, key=lambda name: order(known, name, awaits[name], on_a_line="line" in name))


def test_the_longest_files_with_a_line_come_first_and_the_longest_that_compute_last() -> None:
    known = {"line_1": 5.0, "line_2": 80.0, "sum_1": 30.0, "sum_2": 2.0}
    assert sorted_by(known, sum_1=0, line_1=90, sum_2=0, line_2=1) == ["line_2", "line_1", "sum_2", "sum_1"]


def test_before_anything_was_measured_here_the_files_have_the_order_of_another_machine() -> None:
    known = read_durations(ELSEWHERE)
    assert sum((CHECKOUT / name).is_file() for name in known) > len(known) / 2 > 50


def test_a_file_that_is_new_has_a_place() -> None:
    assert sorted_by({"line_1": 5.0, "sum_1": 9.0}, sum_1=0, sum_2=0, line_1=9, line_2=90) == [
        *("line_2", "line_1", "sum_2", "sum_1")
    ]


def test_what_a_file_took_is_kept_until_it_is_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    assert read_durations(file) == {}
    for reports in ((("a.py::one", 1.0), ("a.py::two", 2.0), ("b.py::one", 4.0)), (("a.py::one", 0.5),)):
        recorder = DurationRecorder(file)
        for nodeid, duration in reports:
            report: Any = SimpleNamespace(nodeid=nodeid, duration=duration)
            recorder.pytest_runtest_logreport(report)
        recorder.pytest_sessionfinish()
    assert read_durations(file) == {"a.py": 0.5, "b.py": 4.0}
    file.write_text("{")
    assert read_durations(file) == {}
