"""The results of the comparison: figures of each way, the differences with their errors, the table. Pure."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import percentile
from bench.queue_day import Case, Planned, Predicted, is_counted
from bench.queue_story import Ringing, Story, ringings
from bench.reference_case import LANGUAGES, WITHIN_S

BLOCKS = 10
VERDICTS = {True: "[green]kept[/]  ", False: "[red]missed[/]", None: "no data"}
PERCENTS = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
AS_LONG_S = 0.1  # waits that differ by less are equal: the table shows tenths, and callers do not notice
BARE_MS = 5.0  # ours may be slower than a bare originate by this, at p99
Waits = Sequence[tuple[str, float]]
"""Language and wait in seconds of callers, in the order of their arrival."""


@dataclass(frozen=True, slots=True)
class Result:
    """One way's counted calls. `ringings`: those for counted calls. Times as `Story` and `Ringing` define them. `runs`:
    the number of waits of each run; empty: all are of one run."""

    waits: Waits
    ringings: Sequence[Ringing]
    lost: Mapping[str, int]
    twice: int
    with_two: int
    refused: int
    runs: tuple[int, ...] = ()


def result(story: Story, case: Case, calls: Sequence[Planned], speaks: Mapping[str, Sequence[str]]) -> Result:
    of = [number for number, call in enumerate(calls) if is_counted(case, call)]
    waited = [(calls[number].language, wait) for number in of if (wait := story.wait_s(number)) is not None]
    rung = ringings(story.events, [call.language for call in calls], speaks)
    lost: dict[str, int] = {}
    for number in of:
        if (why := story.lost.get(number)) is not None:
            lost[why] = lost.get(why, 0) + 1
    inside = {*of}
    return Result(
        waited, [item for item in rung if item.call in inside], lost, story.twice, story.with_two, story.refused
    )


def within(waits: Waits, language: str | None = None) -> float | None:
    """Return the share that was answered within 20 s; None if there are no callers."""
    found = [wait <= WITHIN_S for spoken, wait in waits if language in (None, spoken)]
    return sum(found) / len(found) if found else None


def worst(waits: Waits) -> float | None:
    return min((share for language in LANGUAGES if (share := within(waits, language)) is not None), default=None)


def mean(waits: Waits) -> float | None:
    return math.fsum(wait for _, wait in waits) / len(waits) if waits else None


def at(percent: float) -> Callable[[Waits], float | None]:
    return lambda waits: percentile([wait for _, wait in waits], percent)


def difference_error(
    ours: Waits, theirs: Waits, figure: Callable[[Waits], float | None], runs: Sequence[int] = ()
) -> float | None:
    """Return the standard error of a figure's difference between two ways with the same calls.

    Jackknife: leaves out one tenth of a run's calls after another, in the order of their arrival, because callers of
    one busy spell are not independent. `runs`: the number of calls of each run; empty: all are of one run. None if
    there are too few calls, or if a call was lost, so that they are not the same calls.
    """
    runs = runs or (len(ours),)
    if len(ours) != len(theirs) or min(runs) < 2 * BLOCKS:
        return None
    borders = [0]
    for length in runs:
        borders += [borders[-1] + length * block // BLOCKS for block in range(1, BLOCKS + 1)]
    blocks = len(borders) - 1
    found: list[float] = []
    for begins, ends in itertools.pairwise(borders):
        pair = [figure([*waits[:begins], *waits[ends:]]) for waits in (ours, theirs)]
        if pair[0] is None or pair[1] is None:
            return None
        found.append(pair[0] - pair[1])
    middle = math.fsum(found) / blocks
    return math.sqrt((blocks - 1) / blocks * math.fsum((item - middle) ** 2 for item in found))


def figures(way: Result) -> dict[str, Any]:
    """Return the figures: seconds, shares from 0 to 1, idle times in ms."""
    freed = [ringing.idle_ms for ringing in way.ringings if ringing.freed]
    came = [ringing.idle_ms for ringing in way.ringings if not ringing.freed]
    return {
        "calls": len(way.waits) + sum(way.lost.values()),
        "lost": dict(way.lost),
        "operators_rung_in_a_call": way.twice,
        "callers_with_two_operators": way.with_two,
        "ringings_in_vain": way.refused,
        "within": within(way.waits),
        "by_language": {
            language: {"calls": sum(item == language for item, _ in way.waits), "within": within(way.waits, language)}
            for language in LANGUAGES
        },
        "worst": worst(way.waits),
        "mean_wait_s": mean(way.waits),
        "wait_s": {name: at(percent)(way.waits) for name, percent in PERCENTS.items()},
        "free_to_ring_ms": spread(freed),
        "came_to_ring_ms": spread(came),
    }  # fmt: skip


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return the count and the percentiles."""
    return {
        "n": len(values),
        **{name: percentile(values, item) for name, item in (("p50", 50), ("p99", 99), ("max", 100))},
    }


def judge(ours: Result, theirs: Result, bare_ms: Sequence[float], name: str) -> list[dict[str, Any]]:
    """Return the requirements on ours against `theirs`, which is called `name`; `by`: by how much each is met (below 0:
    missed).

    `kept`: it is met, or a wait is longer by an imperceptible amount; None: there were no callers. `sure`: `by` is more
    than two standard errors.
    """
    mine, other = figures(ours), figures(theirs)
    lines: list[dict[str, Any]] = []

    def line(
        text: str,
        found: float | None,
        limit: float | None,
        error: float | None = None,
        most: bool = True,
        tolerance: float = 0,
    ) -> None:
        over = None if found is None or limit is None else limit - found if most else found - limit
        lines.append(
            {
                "wanted": text, "found": found, "limit": limit, "error": error, "by": over,
                "kept": None if over is None else over >= -tolerance,
                "sure": over is not None and error is not None and abs(over) > 2 * error,
            }
        )  # fmt: skip

    bare = percentile(bare_ms, 99)
    line(
        f"free to ring, p99, ms, at most the bare originate's and {BARE_MS:g} more",
        mine["free_to_ring_ms"]["p99"],
        None if bare is None else bare + BARE_MS,
    )

    def compare(text: str, figure: Callable[[Waits], float | None], most: bool) -> None:
        same = ours.runs == theirs.runs
        error = difference_error(ours.waits, theirs.waits, figure, ours.runs) if same else None
        line(text, figure(ours.waits), figure(theirs.waits), error, most, AS_LONG_S if most else 0)

    compare(f"worst-served language within 20 s, at least {name}'s", worst, False)
    compare(f"within 20 s, at least {name}'s", within, False)
    for language in LANGUAGES:
        compare(f"within 20 s, {language}, at least {name}'s", lambda waits, of=language: within(waits, of), False)  # type: ignore[misc]
    compare(f"mean wait, s, at most {name}'s", mean, True)
    for percent in (50, 90, 99, 100):
        which = "longest wait" if percent == 100 else f"wait, p{percent}"
        compare(f"{which}, s, at most {name}'s", at(percent), True)
    for part in ("p50", "p99", "max"):
        line(
            f"free to ring, {part}, ms, at most {name}'s",
            mine["free_to_ring_ms"][part],
            other["free_to_ring_ms"][part],
        )
    for text, way in (("ours", mine), (name, other)):
        line(f"calls lost, {text}", sum(way["lost"].values()), 0)
        line(f"operators rung in a call, {text}", way["operators_rung_in_a_call"], 0)
        line(f"callers with two operators, {text}", way["callers_with_two_operators"], 0)
    return lines  # fmt: skip


def show(document: Mapping[str, Any], console: Console) -> None:
    """Print the document for people."""
    it, case, ways = document["machine"], document["case"], document["ways"]
    console.print(
        f"{it['cpu']}, {it['cores']} cores, Linux {it['kernel']}, Python {it['python']}, Asterisk {it['asterisk']}; "
        f"load before {it['load_before']}\n{case['operators']} operators with {case['languages_each']} languages each, "
        f"{case['calls_per_hour']:g} calls an hour; {case['minutes']:g} min after {case['warm_minutes']:g}; "
        f"picked up after {case['pick_up_s']:g} s; "
        + (f"{runs} runs together, seeds {case['seed']}; " if (runs := case.get("runs")) else f"seed {case['seed']}; ")
        + ("all at the same time" if document["together"] else "one after another")
    )
    for name, what in document["queues"].items():
        console.print(f"{name}: {what}")
    table = Table("", *("bare originate" if name == "bare" else name for name in ways), box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for title, read in _rows(ways):
        table.add_row(title, *(read(way) for way in ways.values()))
    console.print(table)
    for name, item in document["predicted"].items():
        alone = Predicted(**item)
        console.print(
            f"The same calls without telephones, {name}: {alone.within * 100:.1f} % within 20 s, worst language "
            f"{alone.worst * 100:.1f} %, mean {alone.mean_s:.1f} s"
        )
    generator = document["generator"]
    console.print(
        f"The load generator: {generator['cpu_s']:.1f} s of processor time in {generator['seconds']:.0f} s; "
        f"calls sent at most {generator['late_ms']:.0f} ms after their time"
    )
    for why in generator["registers_lost"]:
        console.print(f"[red]{why}, which was registered already")
    for name, way in ways.items():
        for why, times in way.get("lost", {}).items():
            console.print(f"[red]Lost, {name}: {times} × {why}")
    for item in (line for lines in document["wanted"].values() for line in lines):
        verdict = VERDICTS[item["kept"]]
        error = (
            ""
            if item["error"] is None
            else f", better by {item['by']:.3g} ± {item['error']:.3g}" + ("" if item["sure"] else ", unsure")
        )
        console.print(f"{verdict} {item['wanted']}: {_number(item['found'])}, limit {_number(item['limit'])}{error}")


def _rows(ways: Mapping[str, Any]) -> list[tuple[str, Callable[[Mapping[str, Any]], str]]]:
    def share(*path: str) -> Callable[[Mapping[str, Any]], str]:
        return lambda way: "" if (found := _at(way, path)) is None else f"{found * 100:.1f}"

    def number(*path: str, digits: int = 1) -> Callable[[Mapping[str, Any]], str]:
        return lambda way: "" if (found := _at(way, path)) is None else f"{found:.{digits}f}"

    rows = [("calls", number("calls", digits=0)), ("answered within 20 s, %", share("within"))]
    for language in LANGUAGES:
        counts = {way["by_language"][language]["calls"] for way in ways.values() if "by_language" in way}
        of = "/".join(str(count) for count in sorted(counts))
        rows.append((f"  {language} ({of} calls)", share("by_language", language, "within")))
    rows += [("  the worst of them", share("worst")), ("mean wait, s", number("mean_wait_s"))]
    rows += [(f"wait, {name}, s", number("wait_s", name)) for name in ("p50", "p90", "p99", "max")]
    for title, key in (("free to ring", "free_to_ring_ms"), ("comes to ring", "came_to_ring_ms")):
        rows.append((f"{title}, how many", number(key, "n", digits=0)))
        rows += [(f"{title}, {name}, ms", number(key, name)) for name in ("p50", "p99", "max")]
    rows += [
        ("calls lost", lambda way: str(sum(way["lost"].values())) if "lost" in way else ""),
        ("operators rung in a call", number("operators_rung_in_a_call", digits=0)),
        ("callers with two operators", number("callers_with_two_operators", digits=0)),
        ("ringings in vain", number("ringings_in_vain", digits=0)),
    ]
    for process in dict.fromkeys(name for way in ways.values() for name in way["cpu_s"]):
        rows.append((f"processor time, {process}, s", number("cpu_s", process)))
    rows.append(("processor time, all, s", lambda way: f"{sum(way['cpu_s'].values()):.1f}"))
    return rows


def _at(way: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = way
    for name in path:
        found = found.get(name) if found is not None else None
    return found


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
