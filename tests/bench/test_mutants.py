"""The faults that `bench.mutants` puts into the code: every one still parses, and changes what the module does."""

import ast
from pathlib import Path

import pytest

from bench.mutants.concerned import GROUPS
from bench.mutants.faults import KINDS, draw, faults
from bench.mutants.tried import first_failed, last_begun, proven_failure

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = '''\
"""A module with é."""

LIMIT = 3


async def longest(rows: list[int] | None, log: object) -> int | None:
    """Return 5 > 4."""
    if rows is None or not rows:
        return None
    log.info("looked", rows=len(rows) + 1)
    assert len(rows) < 100
    rows.sort()
    return rows[-1] if rows[-1] > LIMIT else min(rows)
'''


def test_each_kind_of_fault_is_found_where_it_can_be_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    found = faults(tmp_path / "module.py", tmp_path)
    assert sorted((fault.line, fault.kind, fault.text) for fault in found) == [
        (3, "constant", "4"),
        (8, "comparison", " is not "),
        (8, "condition", "(not (rows is None or not rows))"),
        (12, "call", "pass"),
        (13, "comparison", " >= "),
        (13, "condition", "(not (rows[-1] > LIMIT))"),
        (13, "constant", "2"),
        (13, "constant", "2"),
        (13, "return", "None"),
    ]


def test_every_drawn_fault_changes_the_code_and_leaves_it_valid() -> None:
    modules = {name: concern.modules(CHECKOUT)[::6] for name, concern in GROUPS.items()}
    for _, fault in draw(modules, CHECKOUT, 50, 3):
        source = (CHECKOUT / fault.path).read_bytes()
        assert ast.dump(ast.parse(fault.applied(source))) != ast.dump(ast.parse(source)), fault


def test_the_same_seed_draws_the_same_faults_from_all_parts() -> None:
    modules = {name: concern.modules(CHECKOUT)[::6] for name, concern in GROUPS.items()}
    drawn = draw(modules, CHECKOUT, 30, 1)
    assert drawn == draw(modules, CHECKOUT, 30, 1)
    assert drawn != draw(modules, CHECKOUT, 30, 2)
    assert [group for group, _ in drawn] == 6 * list(GROUPS)
    assert {fault.kind for _, fault in drawn} == set(KINDS)


def test_every_part_has_tests_without_a_telephone_and_tests_with_one() -> None:
    for concern in GROUPS.values():
        computed, _, by_telephone = concern.stages(CHECKOUT)
        assert computed
        assert by_telephone
        for pattern in concern.tests:
            assert list((CHECKOUT / "tests").glob(pattern)), pattern


def test_a_failure_counts_only_if_it_repeats_alone_and_the_other_tests_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # most of each start, of which there are five
    tests = tmp_path / "tests"
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\naddopts = -ra\nmarkers =\n    long: x\n")
    (tests / "ivr").mkdir(parents=True)
    sample = tests / "ivr" / "test_sample.py"
    sample.write_text(
        "from pathlib import Path\n"
        "def test_fails_when_busy():\n"
        "    seen = Path(__file__).with_name('seen')\n"
        "    busy = not seen.exists()\n"
        "    seen.touch()\n"
        "    assert not busy\n"
        "def test_fails():\n"
        "    assert False\n"
    )
    found = proven_failure(tmp_path, tmp_path, ["tests/ivr/test_sample.py"])
    assert found == ["tests/ivr/test_sample.py::test_fails"]
    sample.write_text(sample.read_text().replace("assert False", "assert True"))
    assert proven_failure(tmp_path, tmp_path, ["tests/ivr/test_sample.py"]) is None


def test_the_test_that_failed_or_hangs_is_read_from_what_pytest_prints() -> None:
    output = """\
tests/ivr/test_state.py::test_a_path[two words] PASSED                   [ 50%]
tests/ivr/test_state.py::test_a_name """
    assert last_begun(output) == "tests/ivr/test_state.py::test_a_name"
    assert last_begun("collecting ... ") is None
    summary = """\
=========================== short test summary info ============================
FAILED tests/ivr/test_state.py::test_a_path[two words] - assert 1 == 2
"""
    assert first_failed(output) is None
    assert first_failed(summary) == "tests/ivr/test_state.py::test_a_path[two words]"
    assert first_failed("ERROR tests/ivr/test_state.py - ImportError: x") == "tests/ivr/test_state.py"
