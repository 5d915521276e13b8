"""Files with lines go to the processes for lines, the longest first; the others to those that compute, too."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from side_by_side import COMPUTING, LINES, LINES_AT_LAST, SideBySide, on_a_line

ON_A_LINE = "async def test_call(line: Line, telephones: Telephones) -> None: ...\n"
PORTS = "async with running_asterisk(example()) as process: ..."
COMPUTES = "def test_sum(line: str) -> None: ...\n"
NAMES = [
    *(f"test_line_{number:02}.py" for number in range(2 * LINES + 2)),
    *(f"test_sum_{number:02}.py" for number in range(10 * COMPUTING)),
]


class Node:
    """A process of pytest-xdist, which does all that it was given when the test says so."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.files: list[str] = []
        self.tests: list[str] = []
        self._waiting: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self._waiting += indices
        self.files.append(self.tests[indices[0]].partition("::")[0])

    def shutdown(self) -> None:
        self.shutting_down = True

    def do_one(self, scheduler: Any) -> None:
        if self._waiting:
            scheduler.mark_test_complete(self, self._waiting.pop(0))


@pytest.fixture
def nodes(tmp_path: Path) -> list[Node]:
    """Run files with a line, in their order, and more that compute, with three tests each."""
    return run(tmp_path, NAMES)


def run(tmp_path: Path, names: list[str]) -> list[Node]:
    for name in names:
        (tmp_path / name).write_text(ON_A_LINE if "line" in name else COMPUTES)
    option = SimpleNamespace(loadscopereorder=False)
    config: Any = SimpleNamespace(rootpath=tmp_path, option=option, getvalue=lambda _: [f"{LINES + COMPUTING}*popen"])
    scheduler = SideBySide(config)
    nodes = [Node(number) for number in range(LINES + COMPUTING)]
    for node in nodes:
        node.tests = [f"{name}::test_{number}" for name in names for number in range(3)]
        scheduler.add_node(node)
        scheduler.add_node_collection(node, node.tests)
    scheduler.schedule()
    for _ in range(100):
        for node in nodes:
            node.do_one(scheduler)
    assert not scheduler.has_pending
    return nodes


def test_a_process_that_computes_gets_no_line_and_begins_with_the_last_file(nodes: list[Node]) -> None:
    lines, computing = nodes[:LINES], nodes[LINES:]
    assert len(computing) == COMPUTING
    for number, node in enumerate(computing):
        assert node.files[0] == NAMES[-1 - number]
        assert not [name for name in node.files if "line" in name]
    assert [node.files[0] for node in lines] == [f"test_line_{number:02}.py" for number in range(LINES)]


def test_once_nothing_is_left_to_compute_six_processes_have_a_line_and_the_others_end(tmp_path: Path) -> None:
    names = [f"test_line_{number:02}.py" for number in range(40)] + NAMES[-COMPUTING:]
    nodes = run(tmp_path, names)
    assert sorted(name for node in nodes for name in node.files) == names
    for number, node in enumerate(nodes):
        has_line = any("line" in name for name in node.files)
        assert has_line == (number < max(LINES, LINES_AT_LAST)), number
        if number >= LINES:
            assert "sum" in node.files[0]


def test_every_file_runs_once_whoever_is_ready_first(nodes: list[Node]) -> None:
    ran = sorted(name for node in nodes for name in node.files)
    assert ran == NAMES
    assert any("sum" in name for node in nodes[:LINES] for name in node.files)


def test_of_the_files_that_compute_the_longest_are_begun_before_the_others(nodes: list[Node]) -> None:
    for node in nodes:
        computed = [name for name in node.files if "sum" in name]
        assert computed == sorted(computed, reverse=True)


def test_a_file_is_on_a_line_if_it_names_a_fixture_of_one_or_takes_ports(tmp_path: Path) -> None:
    for number, (text, expected) in enumerate(((ON_A_LINE, True), (PORTS, True), (COMPUTES, False))):
        (tmp_path / f"{number}.py").write_text(text)
        assert on_a_line(tmp_path / f"{number}.py") is expected
