"""The document as a table for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.floor.left import abbreviate


def show(document: Mapping[str, Any], console: Console) -> None:
    it, asked, calls = document["machine"], document["asked"], document["calls"]
    console.print(
        f"{it['cpu']}, {it['cores']} cores, Linux {it['kernel']}, Python {it['python']}; load before "
        f"{it['load_before']}\n{asked['operators']} operators, {asked['calls_per_hour']:g} calls an hour, talks of "
        f"{asked['talk_s']:g} s on average, {asked['minutes']:g} min, seed {asked['seed']}; "
        + (f"the controller killed every {asked['kill_every_s']:g} s" if asked["kill_every_s"] else "nobody killed")
    )
    done = Table("", "", box=None, pad_edge=False, show_header=False)
    done.add_row(
        "calls", f"{calls['dialled']} dialled, {calls['answered']} answered; {_counts(calls['how_they_ended'])}"
    )
    for act, how in document["acts"].items():
        done.add_row(act, _counts(how))
    for name in ("outcomes", "offers", "pairings", "pairings_ended", "refused"):
        done.add_row(f"written: {name.replace('_', ' ')}", _counts(document["written"][name]))
    load = document["load"]
    killed = f"{document['kills']} of the controller" + (", one of Asterisk" if document["asterisk_killed"] else "")
    done.add_row("kills", killed)
    done.add_row("kept", _counts(document["said"]))
    if document["excused"]:
        done.add_row("excused, Asterisk was away", abbreviate(document["excused"]))
    done.add_row(
        "processor, s", f"{_counts(load['cpu_s'])} in {load['seconds']:g} s; a caller late by {load['late_ms']} ms"
    )
    console.print(done)
    table = Table("left behind, or what must not be", "", box=None, pad_edge=False)
    silence = document["silence"]
    rows = {
        **document["left"],
        "operators rung twice at once": document["rung_twice"],
        "callers in silence for over 3 s": silence["others_over_3_s"],
        "what went wrong": document["wrong"],
    }
    for name, lines in rows.items():
        table.add_row(name, f"[red]{len(lines)}[/]: {abbreviate(lines)}" if lines else "[green]0[/]")
    console.print(table)
    lost = silence["after_a_telephone_vanished_s"]
    console.print(
        f"Longest silence {silence['longest_s']} s; after a telephone had vanished {len(lost)} over 3 s"
        + (f", at most {lost[-1]} s" if lost else "")
        + f". Looked for {document['left_looked_for_s']} s after everybody had hung up."
    )


def _counts(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "–"
