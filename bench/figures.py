"""Percentiles, ratios and the table of `bench.menu`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.load import Measured

TIMES = ("answer_ms", "key_ms", "ring_ms")
LATE_MS = 20.0  # above this, the actual load differed from the configured one
TITLES = {
    "dialplan": "dialplan, app_queue",
    "bare": "bare ARI",
    "hatif": "Hatif",
    "speaking": "Hatif, a voice speaking",
    "hearing": "Hatif, two callers heard",
}
WANTED = (
    ("answer_ms", "INVITE to 200", 1.4, 1.4),
    ("key_ms", "key to sound", 1.3, 1.1),
    ("ring_ms", "free to ring", 1.5, 1.5),
)
"""How many times the bare controller's time is hoped for, p50 and p99."""

CONTROLLER, GUARD_MS, PROCESSES = 0.15, 0.125, 3.5
OURS = ("controller", "guard", "journal")
BESIDE = {"speaking": "while a voice speaks", "hearing": "while two callers are heard"}


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that at least `percent` of the values do not exceed; None if there are no values."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)] if values else None


def summary(values: Sequence[float]) -> dict[str, float | int | None]:
    return {"p50": _rounded(percentile(values, 50)), "p99": _rounded(percentile(values, 99)), "n": len(values)}


def system(menus: Measured, rings: Measured, cpu: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of one way of answering. Times in ms; `cpu`: processor time in s of its menu blocks."""
    return {
        "answer_ms": summary(menus.answer_ms),
        "key_ms": summary(menus.key_ms),
        "ring_ms": summary(rings.ring_ms),
        "cpu_s": {name: round(seconds, 3) for name, seconds in cpu.items()},
        "lost": {"menu": menus.lost, "ring": rings.lost},
        "generator": {"late_ms": summary(menus.late_ms), "cpu_s": round(menus.load_cpu_s, 3)},
        "seconds": {"menu": round(menus.seconds, 1), "ring": round(rings.seconds, 1)},
    }


def ratios(systems: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return each figure of each way, divided by the plain dialplan's and by the bare controller's."""
    found: dict[str, dict[str, float | None]] = {}
    beside = ((name, "hatif") for name in BESIDE)
    for of, to in (("bare", "dialplan"), ("hatif", "dialplan"), ("hatif", "bare"), *beside):
        if of in systems and to in systems:
            found[f"{of}/{to}"] = {
                f"{figure}_{p}": _ratio(systems[of][figure][p], systems[to][figure][p])
                for figure in TIMES
                for p in ("p50", "p99")
            }
    return found


def check_targets(systems: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is hoped for of Hatif: each with a sentence, the figure, its limit and whether it is kept.

    Times are compared with the bare controller's of the same run.
    """
    if not {"dialplan", "bare", "hatif"} <= systems.keys():
        return []
    hatif, bare = systems["hatif"], systems["bare"]
    limits: list[tuple[str, float | None, float | None]] = []
    for figure, title, *times in WANTED:
        for p, most in zip(("p50", "p99"), times, strict=True):
            sentence = f"{title}, {p}, at most {most:g} times the bare controller's"
            limits.append((sentence, hatif[figure][p], _line(bare[figure][p], times=most)))
    cpu, calls = hatif["cpu_s"], hatif["answer_ms"]["n"]
    ours = sum(cpu.get(name, 0.0) for name in OURS)
    limits += [
        (
            f"controller's processor time, at most {CONTROLLER:.0%} of Asterisk's",
            cpu["controller"],
            _line(cpu["asterisk"], CONTROLLER),
        ),
        (
            f"guard's processor time, at most {GUARD_MS * 1000:g} µs a call",
            cpu.get("guard"),
            _line(calls, GUARD_MS / 1000),
        ),
        (
            f"processor time of {', '.join(OURS)}, at most {PROCESSES:g} times the bare controller's",
            ours,
            _line(bare["cpu_s"]["controller"], PROCESSES),
        ),
    ]
    for name, when in BESIDE.items():
        if name in systems:
            beside = systems[name]["key_ms"]["p99"]
            limits.append((f"key to sound, p99, {when}", beside, _line(hatif["key_ms"]["p99"], times=1.1)))
    return [
        {
            "wanted": text,
            "found": found,
            "limit": limit,
            "kept": found is not None and limit is not None and found <= limit,
        }
        for text, found, limit in limits
    ]


def show(document: Mapping[str, Any]) -> None:
    """Print the document for people."""
    console = Console(highlight=False)
    it, load = document["machine"], document["load"]
    console.print(
        f"{it['cpu']}, {it['cores']} cores, Linux {it['kernel']}, Python {it['python']}, Asterisk {it['asterisk']}; "
        f"load before {it['load_before']}\n{load['calls']} calls each at {load['rate']:g} a second, the key after "
        f"{load['listens_s']:g} s; {load['operators']} operators, {load['waiting']} callers waiting; "
        f"{load['rounds']} rounds, interleaved"
    )
    table = Table("", "INVITE to 200", "key to sound", "free to ring", "lost", title="Milliseconds, p50 / p99")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in document["systems"].items():
        lost = sum(sum(part.values()) for part in row["lost"].values())
        pairs = [f"{_text(row[figure]['p50'])} / {_text(row[figure]['p99'])}" for figure in TIMES]
        table.add_row(TITLES[name], *pairs, str(lost))
    table.add_section()
    for name, row in document["ratios"].items():
        pairs = [f"× {_text(row[f'{figure}_p50'])} / {_text(row[f'{figure}_p99'])}" for figure in TIMES]
        table.add_row(name, *pairs, "")
    console.print(table)
    for name, row in document["systems"].items():
        used = ", ".join(f"{process} {seconds:.2f} s" for process, seconds in row["cpu_s"].items())
        console.print(f"Processor time of the menus, {TITLES[name]}: {used}")
    for name, row in document["systems"].items():
        for part, reasons in row["lost"].items():
            for reason, times in reasons.items():
                console.print(f"Lost, {TITLES[name]}, {part}: {times} × {reason}")
    for name, row in document["systems"].items():
        late = row["generator"]["late_ms"]["p99"]
        if late and late > LATE_MS:
            console.print(f"[red]The generator sent calls of {TITLES[name]} {late:.0f} ms late: too busy a machine")
    for line in document["wanted"]:
        verdict = "[green]kept[/]  " if line["kept"] else "[red]missed[/]"
        console.print(f"{verdict} {line['wanted']}: {_text(line['found'])}, limit {_text(line['limit'])}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _ratio(of: float | None, to: float | None) -> float | None:
    return round(of / to, 2) if of is not None and to else None


def _line(value: float | None, times: float = 1, more: float = 0) -> float | None:
    return None if value is None else round(value * times + more, 3)


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"
