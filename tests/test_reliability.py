"""The table of what can half-die: what it lacks is found."""

import copy
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "reliability"


@pytest.fixture(scope="module")
def reliability() -> ModuleType:
    loader = SourceFileLoader("reliability", str(SCRIPT))
    spec = spec_from_loader("reliability", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def table(reliability: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(tomllib.loads(reliability.DATA.read_text(encoding="utf-8")))
    return found


def test_a_process_and_a_connection_without_a_part_are_found(reliability: ModuleType, table: dict[str, Any]) -> None:
    assert list(reliability.mistakes(table)) == []
    table["part"] = [part for part in table["part"] if part["name"] not in ("gate", "ari")]
    assert list(reliability.mistakes(table)) == [
        "the process gate has no part",
        "ivr/asterisk/ari/link.py opens a connection: name it in `opened_in` of a part, or in [short] with the reason",
        "ivr/process/telephone_gate.py opens a connection: name it in `opened_in` of a part, or in [short] with the"
        " reason",
    ]


def test_a_part_without_a_row_and_a_row_without_a_test_are_found(
    reliability: ModuleType, table: dict[str, Any]
) -> None:
    first, second, third, *_ = table["part"]
    first["row"] = []
    second["row"] = [{**second["row"][0], "tests": []}]
    third["row"] = [{**third["row"][0], "tests": ["tests/test_reliability.py::test_nobody_has_written"]}]
    table["short"]["db/journal.py"] = "it opens none"
    assert list(reliability.mistakes(table)) == [
        "db/journal.py opens no connection any more: take it out",
        f"{first['name']} has no row",
        f"{second['name']}, {second['row'][0]['when']}: no test",
        f"{third['name']}, {third['row'][0]['when']}: the test tests/test_reliability.py::test_nobody_has_written"
        " does not exist",
    ]


def test_a_test_that_a_page_about_security_names_and_nobody_has_written_is_found(
    reliability: ModuleType, tmp_path: Path
) -> None:
    assert [mistake for page in reliability.ALSO for mistake in reliability.missing_tests(page)] == []
    assert all(len(reliability.NAMED.findall(page.read_text())) > 20 for page in reliability.ALSO)
    page = tmp_path / "SECURITY.md"
    page.write_text("| `tests/test_reliability.py::exists`<br>`tests/test_wheel.py::test_none` |")
    assert list(reliability.missing_tests(page)) == [
        "SECURITY.md: the test tests/test_reliability.py::exists does not exist",
        "SECURITY.md: the test tests/test_wheel.py::test_none does not exist",
    ]
