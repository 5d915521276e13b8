"""Several runs of the comparison with app_queue, pooled as one."""

import io
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bench import app_queue, queue_pool, queue_results
from bench.queue_results import Result
from bench.queue_story import Ringing

CASE = {
    "operators": 40, "languages_each": 3, "calls_per_hour": 400, "minutes": 1, "warm_minutes": 1, "pick_up_s": 0,
}  # fmt: skip


def way(*waits: float, idle_ms: float = 3.0, lost: int = 0, language: str = "fr") -> Result:
    rings = [Ringing(0, "1001", idle_ms, freed=True)]
    return Result([(language, wait) for wait in waits], rings, {"refused": lost} if lost else {}, 1, 0, 2)


def document(seed: int, ours: Result, theirs: Result, *bare_ms: float) -> dict[str, Any]:
    """Return a document as `bench.app_queue --json` writes it and reads it again."""
    results = {"app_queue": theirs, "ours": ours}
    written = {
        "machine": {"cpu": "x", "cores": 2, "kernel": "6", "python": "3", "asterisk": "22", "load_before": seed / 10},
        "case": CASE | {"seed": seed},
        "queues": {"app_queue": "no weights"},
        "together": True,
        "ways": {
            "bare": {"free_to_ring_ms": queue_results.spread(bare_ms), "cpu_s": {"asterisk": 1.0}, "lost": {}},
            **{name: queue_results.figures(item) | {"cpu_s": {"asterisk": 2.0}} for name, item in results.items()},
        },
        "generator": {"seconds": 60.0, "cpu_s": 0.5, "late_ms": float(seed), "registers_lost": []},
        "predicted": {"ours": {"within": 0.9, "worst": 0.8, "mean_s": 10.0}},
        "wanted": {"app_queue": queue_results.judge(ours, theirs, bare_ms, "app_queue")},
        "waits_s": {name: item.waits for name, item in results.items()},
        "ringings": {name: item.ringings for name, item in results.items()},
        "bare_rings_ms": bare_ms,
    }
    return orjson.loads(orjson.dumps(written))  # type: ignore[no-any-return]


def lines(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["wanted"]: item for item in found["wanted"]["app_queue"]}


def test_all_calls_and_ringings_of_all_runs_are_counted_and_judged_together() -> None:
    one = document(1, way(1, 2, 3), way(1, 2, 30, idle_ms=900), 2.0)
    other = document(2, way(30, lost=1, idle_ms=9.0), way(4, 5, language="de", idle_ms=700), 4.0, 4.0)
    found = queue_pool.pool({"a.json": one, "b.json": other})
    ours, theirs = found["ways"]["ours"], found["ways"]["app_queue"]
    assert (ours["calls"], ours["within"], ours["lost"]) == (5, 0.75, {"refused": 1})
    assert (theirs["calls"], theirs["within"], theirs["worst"]) == (5, 0.8, pytest.approx(2 / 3))
    assert (ours["operators_rung_in_a_call"], ours["ringings_in_vain"]) == (2, 4)
    assert (ours["free_to_ring_ms"]["n"], ours["free_to_ring_ms"]["max"]) == (2, 9.0)
    assert (found["ways"]["bare"]["free_to_ring_ms"]["n"], found["ways"]["bare"]["cpu_s"]) == (3, {"asterisk": 2.0})
    judged = lines(found)
    assert lines(one)["within 20 s, at least app_queue's"]["kept"] is True
    assert judged["within 20 s, at least app_queue's"]["kept"] is False
    assert (
        judged["within 20 s, at least app_queue's"]["error"] is None
    )  # a call was lost, so they are not the same calls
    assert judged["calls lost, ours"]["found"] == 1


def test_several_runs_can_show_what_a_single_run_leaves_unsure() -> None:
    slow = [30.0 if place < 4 else 1.0 for place in range(40)]  # in one busy spell
    runs = {f"{seed}.json": document(seed, way(*[1.0] * 40), way(*slow), 2.0) for seed in range(1, 7)}
    name = "within 20 s, at least app_queue's"
    alone, together = lines(runs["1.json"])[name], lines(queue_pool.pool(runs))[name]
    assert together["by"] == pytest.approx(alone["by"])
    assert together["error"] == pytest.approx(alone["error"] * (9 / 59) ** 0.5)
    assert not alone["sure"] and together["sure"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"case": CASE | {"seed": 1}}, "b.json have the same calls"),
        ({"case": CASE | {"seed": 2, "minutes": 30}}, "b.json is of another case"),
        ({"queues": {"app_queue": "weights"}}, "b.json is of another case or other queues"),
        ({"ringings": None}, "b.json has no 'ringings'"),
    ],
)
def test_runs_that_cannot_be_pooled_are_refused_with_the_file_and_what_to_do(
    change: dict[str, Any], message: str
) -> None:
    one, other = (document(seed, way(1), way(2), 2.0) for seed in (1, 2))
    changed = {name: value for name, value in (other | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        queue_pool.pool({"a.json": one, "b.json": changed})


def test_the_program_prints_one_table_of_several_documents(tmp_path: Path) -> None:
    files = [tmp_path / f"{seed}.json" for seed in (1, 2)]
    for seed, file in enumerate(files, 1):
        file.write_bytes(orjson.dumps(document(seed, way(*[1.0] * 30), way(*[1.0] * 29, 30), 2.0)))
    program = typer.Typer()
    program.command()(app_queue.main)
    given = [part for file in files for part in ("--from", str(file))]
    result = CliRunner().invoke(program, given)
    assert result.exit_code == 0, result.output
    assert "2 runs together, seeds 1, 2" in result.output
    assert "better by 0.0333 ±" in result.output and "unsure" in result.output
    again = CliRunner().invoke(program, [*given, "--json"])
    assert orjson.loads(again.output)["ways"]["ours"]["calls"] == 60
    files[1].write_text("no document")
    refused = CliRunner().invoke(program, given)
    printed = re.sub(r"[\s│]", "", refused.output)  # without line breaks
    assert refused.exit_code == 2 and "2.json" in printed


def test_a_single_run_is_printed_as_it_was_written() -> None:
    written = io.StringIO()
    queue_results.show(document(3, way(1), way(2), 2.0), Console(file=written, width=160))
    assert "seed 3;" in written.getvalue() and "runs together" not in written.getvalue()
