"""Measure the engine's time for an event and its decision, from a hundred callers and operators to ten thousand.

Measures only `routing`, on one core. `python -m bench.routing_scale` prints a table, with `--json` one document;
`--picture FILE.svg` draws it; `--help` lists the options.
"""

import gc
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter_ns
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench import machine, routing_picture
from bench.figures import percentile
from routing.engine import Engine
from routing.match import Decisions, Waiting, may_serve, step_at
from routing.policy import Policy, usual_steps
from routing.states import Operator, OperatorState

START = 1_795_600_000.0
TALK_S = 300.0
"""The length of a conversation: at this interval, per operator, an operator becomes idle and a caller arrives."""
MIX = {"ar": 0.34, "fr": 0.30, "es": 0.12, "it": 0.10, "nl": 0.07, "de": 0.04, "en": 0.03}
TOPICS = ("file", "travel", "papers", "visa")
LIMIT_US = 200.0
SCENES = {
    "crowded": "everybody talks, as many wait: an operator becomes idle, a caller comes",
    "calm": "everybody is idle, nobody waits: a caller comes, an operator becomes idle",
    "divided": "as many wait as are idle, but for languages whose speakers all talk: both of these",
}
PLAIN_EVENTS = 12


@dataclass(frozen=True, slots=True)
class Scene:
    """The initial state and the events; the same for the same seed."""

    operators: dict[str, Operator]
    waiting: list[Waiting]
    happenings: list[Waiting | str]  # a caller who arrives, or the operator who becomes idle
    between_s: float


def operator(number: int, chance: random.Random) -> Operator:
    """Return an operator with one to four languages, the first native; a quarter have topics of their own."""
    first = chance.choices(list(MIX), list(MIX.values()))[0]
    further = chance.sample([item for item in MIX if item != first], chance.choice([0, 1, 2, 2, 3]))
    topics = chance.choice([(), (), (), TOPICS[:1], TOPICS[1:3]])[:]
    languages = {first: 5} | {item: chance.randint(2, 5) for item in further}
    since = START - chance.uniform(0, 600)
    return Operator(
        str(10_000 + number), languages, frozenset(topics), OperatorState.TALKING, since=since, present=True
    )


def caller(name: str, since: float, size: int, languages: list[str], chance: random.Random) -> Waiting:
    """Return a caller with usual needs; one in twenty has an operator for their case, one in ten a higher priority."""
    (language,) = chance.choices(languages, [MIX[item] for item in languages])
    preferred = str(10_000 + chance.randrange(size)) if chance.random() < 0.05 else None
    topic = chance.choice([None, *TOPICS])
    return Waiting(name, usual_steps(language, 3, topic, preferred), since, int(chance.random() < 0.1))


def scene(name: str, size: int, events: int, seed: int) -> Scene:
    chance = random.Random(f"{name} {size} {seed}")
    operators = {item.id: item for item in (operator(number, chance) for number in range(size))}
    everybody, scarce = list(MIX), ["nl", "de", "en"]
    waiting: list[Waiting] = []
    if name != "crowded":
        for item in operators.values():
            if name == "calm" or not set(scarce) & set(item.languages):
                operators[item.id] = replace(item, state=OperatorState.READY)
    if name != "calm":
        languages = scarce if name == "divided" else everybody
        since = [START - chance.uniform(0, 150) for _ in range(size)]
        waiting = [caller(f"waits-{n}", since[n], size, languages, chance) for n in range(size)]
    happenings: list[Waiting | str] = []
    between_s = TALK_S / (2 * size)
    for number in range(events):
        now = START + between_s * (number + 1)
        if number % 2:
            happenings.append(caller(f"comes-{number}", now, size, everybody, chance))
        else:
            happenings.append(chance.choice(list(operators)))
    return Scene(operators, waiting, happenings, between_s)


def run(what: Scene) -> Iterator[int]:
    """Yield the nanoseconds of each event with its decision. Operators who get a call talk from then on."""
    engine = Engine(Policy())
    for item in what.operators.values():
        engine.set_operator(item)
    for one in what.waiting:
        engine.wait(one)
    _talk(engine, what, engine.decide(START), START)
    gc.collect()
    gc.freeze()
    for number, happening in enumerate(what.happenings):
        now = START + what.between_s * (number + 1)
        idle = None
        if isinstance(happening, str):
            idle = replace(what.operators[happening], state=OperatorState.READY, since=now)
        began = perf_counter_ns()
        if idle is not None:
            engine.set_operator(idle)
        elif not isinstance(happening, str):
            engine.wait(happening)
        decisions = engine.decide(now)
        yield perf_counter_ns() - began
        _talk(engine, what, decisions, now)
    gc.unfreeze()


def _talk(engine: Engine, what: Scene, decisions: Decisions, now: float) -> None:
    for pair in decisions.pairs:
        engine.set_operator(replace(what.operators[pair.operator], state=OperatorState.TALKING, since=now))


def run_plain(what: Scene) -> Iterator[int]:
    """Yield the same for the plain way, which keeps nothing between events."""
    operators, waiting = dict(what.operators), {item.call: item for item in what.waiting}
    for number, happening in enumerate(what.happenings[:PLAIN_EVENTS]):
        now = START + what.between_s * (number + 1)
        if isinstance(happening, str):
            operators[happening] = replace(operators[happening], state=OperatorState.READY, since=now)
        else:
            waiting[happening.call] = happening
        began = perf_counter_ns()
        pairs = _decide_plain(waiting.values(), operators.values(), now)
        yield perf_counter_ns() - began
        for call, identity in pairs:
            del waiting[call]
            operators[identity] = replace(operators[identity], state=OperatorState.TALKING, since=now)


def measure(name: str, size: int, events: int, repeats: int, seed: int) -> dict[str, Any]:
    """Return the times in microseconds. The same events run several times and each counts as its fastest, which
    excludes other load on the machine; `as_it_was` includes it. The first tenth is warm-up and does not count."""
    what = scene(name, size, events, seed)
    runs = [list(run(what))[events // 10 :] for _ in range(repeats)]
    fastest = [min(times) / 1000 for times in zip(*runs, strict=True)]
    everything = [time / 1000 for times in runs for time in times]
    plain = [time / 1000 for time in run_plain(what)][2:]
    p50 = percentile(fastest, 50) or math.nan
    plain_p50 = percentile(plain, 50) or math.nan
    return {
        "scene": name,
        "size": size,
        "events": len(fastest),
        "p50_us": round(p50, 1),
        "p99_us": round(percentile(fastest, 99) or math.nan, 1),
        "as_it_was_p99_us": round(percentile(everything, 99) or math.nan, 1),
        "plain_p50_us": round(plain_p50, 1),
        "plain_over_engine": round(plain_p50 / p50, 1),
    }


def table(rows: list[dict[str, Any]]) -> Table:
    made = Table(title="An event and its decision, microseconds")
    for heading in ("scene", "callers, operators", "p50", "p99", "p99 as it was", "plain p50", "plain / engine"):
        made.add_column(heading, justify="left" if heading == "scene" else "right")
    for row in rows:
        figures = ("p50_us", "p99_us", "as_it_was_p99_us", "plain_p50_us", "plain_over_engine")
        made.add_row(row["scene"], f"{row['size']:,}", *(f"{row[figure]:,.1f}" for figure in figures))
    return made


def growth(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, from the smallest to the largest size, the growth of the median and of the logarithm of the size."""
    found = []
    for name in dict.fromkeys(row["scene"] for row in rows):
        mine = [row for row in rows if row["scene"] == name]
        first, last = mine[0], mine[-1]
        if first["size"] < last["size"]:
            logarithm = math.log(last["size"]) / math.log(first["size"])
            grew = last["p50_us"] / first["p50_us"]
            found.append({"scene": name, "median_grew": round(grew, 2), "logarithm_grew": round(logarithm, 2)})
    return found


def main(
    sizes: Annotated[str, typer.Option(help="Numbers of callers and operators.")] = "100,300,1000,3000,10000",
    events: Annotated[int, typer.Option(help="Events in each scene.", min=100)] = 1000,
    repeats: Annotated[int, typer.Option(help="Runs of each scene.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw a picture into this file, as SVG.")] = None,
) -> None:
    """Measure the routing engine from a hundred callers and operators to ten thousand. Takes about two minutes."""
    try:
        wanted = [int(item) for item in sizes.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{sizes!r} must be numbers such as 100,1000,10000") from None
    if min(wanted) < 10:
        raise typer.BadParameter("sizes below 10 measure nothing; use 10 or more")
    about = machine.description()
    rows = [measure(name, size, events, repeats, seed) for name in SCENES for size in sorted(wanted)]
    worst = max(row["p99_us"] for row in rows)
    document = {
        "machine": about,
        "seed": seed,
        "scenes": SCENES,
        "rows": rows,
        "growth": growth(rows),
        "limit_us": LIMIT_US,
        "within_limit": worst <= LIMIT_US,
    }
    if picture is not None:
        picture.write_text(routing_picture.draw(rows, LIMIT_US, about), encoding="utf-8")
    if json:
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    console = Console()
    console.print(table(rows))
    for name, words in SCENES.items():
        console.print(f"{name}: {words}")
    for item in document["growth"]:
        console.print(
            f"{item['scene']}: the median grew {item['median_grew']} times,"
            f" the logarithm {item['logarithm_grew']} times"
        )
    console.print(f"Worst p99 {worst:.1f} µs; wanted: at most {LIMIT_US:.0f}. {about['cpu']}, Python {about['python']}")


if __name__ == "__main__":
    typer.run(main)


def _decide_plain(waiting: Iterable[Waiting], operators: Iterable[Operator], now: float) -> list[tuple[str, str]]:
    """Pair as Hatif did before it had an engine, with a look at everybody for each event.

    The longest-waiting caller gets the longest-idle operator.
    """
    idle = sorted((o for o in operators if o.state is OperatorState.READY), key=lambda o: (o.since, o.id))
    queue = sorted(waiting, key=lambda caller: (-caller.priority, caller.since, caller.call))
    steps = [caller.steps[step_at(caller.steps, now - caller.since)[0]] for caller in queue]
    pairs = []
    for place, (caller, step) in enumerate(zip(queue, steps, strict=True)):
        if not idle:
            break
        fit = [operator for operator in idle if may_serve(operator, step)]
        if not fit:
            continue
        idle.remove(fit[0])
        sum(may_serve(fit[0], other) for other in steps[place:])  # for the reason
        pairs.append((caller.call, fit[0].id))
    return pairs
