"""The document as a table for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.faults.figures import DATABASE
from bench.faults.judge import Part
from bench.floor.left import abbreviate

STATES = tuple(Part)


def show(document: Mapping[str, Any], console: Console) -> None:
    it, asked = document["machine"], document["asked"]
    console.print(
        f"{it['cpu']}, {it['cores']} cores, Linux {it['kernel']}, Python {it['python']}; load before "
        f"{it['load_before']}; {asked['database']}, seed {asked['seed']}"
    )
    table = Table(box=None, pad_edge=False)
    for head in ("fault", "calls", "lost", "broken", "silence, s", "missing, doubled, wrong", "messages",
                 "served, s", "seen, s", "green, s", "status, s", ""):  # fmt: skip
        table.add_column(head, justify="left" if head in ("fault", "silence, s", "") else "right")
    for result in document["faults"]:
        table.add_row(*row(result))
    if document["faults"]:
        console.print(table)
    for result in document["faults"]:
        details(result, console)
    if "soak" in document:
        soaked(document["soak"], console)
    for name, why in document["skipped"].items():
        console.print(f"{name}: left out: {why}", markup=False)
    for name, why in document["unmeasured"].items():
        console.print(f"{name}: could not be measured: {why}", markup=False)


def row(result: Mapping[str, Any]) -> Sequence[str]:
    """Return the cells of a fault."""
    verdict = result["verdict"]
    silences = ", ".join(f"{part} {seconds:g}" for part, seconds in verdict["silence_s"].items() if seconds > 0.5)
    return (
        result["fault"],
        str(sum(verdict["calls"].values())),
        _red(len(verdict["lost"])),
        _red(len(verdict["broken"])),
        silences or "under 0.5",
        "  ".join(_red(len(verdict[name])) for name in ("missing", "doubled", "wrong")),
        f"{verdict['messages_kept']} of {verdict['messages_left']}",
        _time(verdict["served_s"]),
        _time(result["seen_s"], "not seen"),
        _time(result["green_s"]),
        f"{result['status_s']:.1f}",
        "[red]missed[/]" if result["missed"] else "[green]as wanted[/]",
    )


def details(result: Mapping[str, Any], console: Console) -> None:
    """Print what a fault has missed, and what is to be known of it."""
    verdict = result["verdict"]
    console.print(f"\n{result['fault']}: {sum(result['up'].values())} calls up when it came", markup=False)
    if result["seen_as"]:
        console.print(f"  seen as {result['seen_as']}", markup=False)
    _sentences(verdict, console)
    for note in (*result["notes"], *(f"missed: {what}" for what in result["missed"])):
        console.print(f"  {note}", markup=False)
    if result["late_ms"] > 200:
        console.print(f"  the bench itself was late by {result['late_ms']:.0f} ms", markup=False)


def soaked(soak: Mapping[str, Any], console: Console) -> None:
    """Print the soak."""
    verdict, before, after = soak["verdict"], soak["before"], soak["after"]
    console.print(f"{soak['minutes']:g} min, {sum(verdict['calls'].values())} calls, {len(soak['faults'])} faults")
    table = Table("", "before", "after", box=None, pad_edge=False)
    for name in ("channels", "bridges", "tasks"):
        table.add_row(name, str(before[name]), str(after[name]))
    for name, was in before["descriptors"].items():
        there = after["descriptors"].get(name, {})
        table.add_row(f"descriptors of {name}", _descriptors(was), _descriptors(there))
    for name, size in before["memory"].items():
        table.add_row(f"memory of {name}, MiB", str(size), str(after["memory"].get(name)))
    for name in ("lost", "broken", "missing", "doubled", "wrong"):
        table.add_row(f"calls or rows {name}", "", _red(len(verdict[name])))
    table.add_row("messages kept", "", f"{verdict['messages_kept']} of {verdict['messages_left']}")
    console.print(table)
    _sentences(verdict, console)
    for at in soak["memory"]:
        figures = ", ".join(f"{name} {size:g}" for name, size in at["memory"].items())
        console.print(f"  memory after {at['minutes']:g} min, MiB: {figures}", markup=False)
    for note in (*soak["notes"], *(f"missed: {what}" for what in soak["missed"])):
        console.print(f"  {note}", markup=False)


def _sentences(verdict: Mapping[str, Any], console: Console) -> None:
    for name, what in (
        *((name, name) for name in ("lost", "broken", "missing", "doubled", "wrong")),
        ("unkept", "message lost"),
        ("refused", "could not leave a message, and was told"),
    ):
        if verdict[name]:
            console.print(f"  {what}: {abbreviate(verdict[name], 12)}", markup=False)


def _red(count: int) -> str:
    return f"[red]{count}[/]" if count else "0"


def _descriptors(kinds: Mapping[str, int]) -> str:
    """Return how many a process has, and how many of the database's besides."""
    return f"{sum(kinds.values()) - kinds.get(DATABASE, 0)} + {kinds.get(DATABASE, 0)} of the database"


def _time(seconds: float | None, otherwise: str = "[red]never[/]") -> str:
    return f"{seconds:.1f}" if seconds is not None else otherwise
