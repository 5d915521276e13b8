"""Several runs of the comparison pooled: the calls of all runs, judged by the same rules. Pure."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from bench import queue_results
from bench.queue_results import Result
from bench.queue_story import Ringing

OURS = "ours"
_NEEDED = ("case", "queues", "together", "ways", "waits_s", "ringings", "bare_rings_ms", "generator", "predicted")


def pool(runs: Mapping[str, Any]) -> dict[str, Any]:
    """Return one document made of several from `bench.app_queue --json`, given by file name.

    They must be of the same case with different seeds: the same calls again would only look like more calls. Raises
    ValueError with the file and what to do.
    """
    documents = list(runs.values())
    for name, item in runs.items():
        _check(name, item)
    (first_name, first), *others = runs.items()
    for name, item in others:
        if _case(item) != _case(first) or item["queues"] != first["queues"] or item["together"] != first["together"]:
            raise ValueError(f"{name} is of another case or other queues than {first_name}; pool runs of one case")
    for (one, mine), (other, theirs) in itertools.combinations(runs.items(), 2):
        if mine["case"]["seed"] == theirs["case"]["seed"]:
            raise ValueError(
                f"{one} and {other} have the same calls (seed {mine['case']['seed']}); leave one out, or measure with"
                " another --seed"
            )
    results = {name: together([_result(item, name) for item in documents]) for name in first["waits_s"]}
    bare_ms = [item for document in documents for item in document["bare_rings_ms"]]
    ways: dict[str, Any] = {
        "bare": {
            "free_to_ring_ms": queue_results.spread(bare_ms),
            "lost": _lost([item["ways"]["bare"] for item in documents]),
        },
        **{name: queue_results.figures(item) for name, item in results.items()},
    }
    for name, way in ways.items():
        way["cpu_s"] = _sums([item["ways"][name]["cpu_s"] for item in documents])
    generators = [item["generator"] for item in documents]
    seeds = [item["case"]["seed"] for item in documents]
    return {
        "machine": {**first["machine"], "load_before": max(item["machine"]["load_before"] for item in documents)},
        "case": {**first["case"], "seed": ", ".join(str(item) for item in seeds), "runs": len(documents)},
        "queues": first["queues"],
        "together": first["together"],
        "ways": ways,
        "generator": {
            "seconds": sum(generator["seconds"] for generator in generators),
            "cpu_s": sum(generator["cpu_s"] for generator in generators),
            "registers_lost": [why for generator in generators for why in generator["registers_lost"]],
            "late_ms": max(generator["late_ms"] for generator in generators),
        },
        "predicted": {
            f"{name} (seed {seed})": alone
            for name in first["predicted"]
            for seed, document in zip(seeds, documents, strict=True)
            if (alone := document["predicted"].get(name)) is not None
        },
        "wanted": {
            name: queue_results.judge(results[OURS], item, bare_ms, name)
            for name, item in results.items()
            if name != OURS
        },
    }  # fmt: skip


def together(results: Sequence[Result]) -> Result:
    """Return one way's calls of several runs, one run after another."""
    return Result(
        waits=[wait for result in results for wait in result.waits],
        ringings=[ringing for result in results for ringing in result.ringings],
        lost=_sums([result.lost for result in results]),
        twice=sum(result.twice for result in results),
        with_two=sum(result.with_two for result in results),
        refused=sum(result.refused for result in results),
        runs=tuple(len(result.waits) for result in results),
    )


def _check(name: str, document: Any) -> None:
    missing = [item for item in _NEEDED if not isinstance(document, Mapping) or item not in document]
    if missing:
        raise ValueError(
            f"{name} has no {missing[0]!r}: it is no document of bench.app_queue --json, or too old to be pooled;"
            " measure again"
        )


def _case(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document["case"].items() if name != "seed"}


def _result(document: Mapping[str, Any], name: str) -> Result:
    way = document["ways"][name]
    return Result(
        waits=[(language, wait) for language, wait in document["waits_s"][name]],
        ringings=[Ringing(**ringing) for ringing in document["ringings"][name]],
        lost=way["lost"],
        twice=way["operators_rung_in_a_call"],
        with_two=way["callers_with_two_operators"],
        refused=way["ringings_in_vain"],
    )


def _lost(ways: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return _sums([way["lost"] for way in ways])


def _sums(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in counts:
        for name, count in item.items():
            found[name] = found.get(name, 0) + count
    return found
