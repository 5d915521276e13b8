"""`python -m bench.mutants`: put drawn faults into a copy of the code, and say which of them the tests find."""

import difflib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer

from bench.mutants.concerned import GROUPS
from bench.mutants.faults import Fault, draw
from bench.mutants.tried import failure, proven_failure

CHECKOUT = Path(__file__).resolve().parents[2]


def main(
    count: Annotated[int, typer.Option(help="How many faults.", min=1)] = 30,
    seed: Annotated[int, typer.Option(help="The same seed draws the same faults from the same code.")] = 1,
    only: Annotated[str, typer.Option(help="The numbers of the faults to try, such as 3,7; all by default.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show the faults without running any test.")] = False,
    quick: Annotated[bool, typer.Option(help="Run only the tests without telephones.")] = False,
    tests: Annotated[str, typer.Option(help="Run these files or tests, divided by commas, and no others.")] = "",
    revision: Annotated[str, typer.Option(help="The commit whose code and tests are tried.")] = "HEAD",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Draw faults from ringing, talk, restart, codes and call-backs, and say for each whether the tests find it.

    Each is put into a copy of the committed code. The tests that concern its part run, the cheap ones first, until the
    first failure. That test is then run alone: if it passes with the fault, the machine was too busy for it, and the
    others go on; if it fails without the fault too, the result is UNCLEAR; otherwise it has FOUND the fault. A fault
    can be harmless (code that makes something quicker only, a limit that nothing reaches), so what is MISSED is to be
    read. Needs `scripts/setup --for test`; an hour, most of it for what is missed.
    """
    chosen = {int(number) for number in only.split(",") if number}
    found = []
    with tempfile.TemporaryDirectory(prefix="hatif-mutants-") as folder:
        copy = Path(folder) / "code"
        subprocess.run(["git", "worktree", "add", "--detach", "-q", copy, revision], cwd=CHECKOUT, check=True)
        try:
            modules = {name: concern.modules(copy) for name, concern in GROUPS.items()}
            for number, (group, fault) in enumerate(draw(modules, copy, count, seed), 1):
                if chosen and number not in chosen:
                    continue
                result: dict[str, object] = {
                    "number": number, "group": group, "file": fault.path, "line": fault.line, "kind": fault.kind,
                    "diff": _diff(copy, fault),
                }  # fmt: skip
                if not listed:
                    stages = GROUPS[group].stages(copy)
                    chosen_stages = [tests.split(",")] if tests else [[*map(str, stage)] for stage in stages]
                    result |= _tried(copy, Path(folder), chosen_stages[:1] if quick else chosen_stages, fault)
                found.append(result)
                if not as_json:
                    _show(result)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", copy], cwd=CHECKOUT, check=True)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    elif not listed:
        print(f"{sum(result['result'] == 'FOUND' for result in found)} of {len(found)} were found")


def _tried(copy: Path, folder: Path, stages: list[list[str]], fault: Fault) -> dict[str, object]:
    path = copy / fault.path
    source = path.read_bytes()
    began = time.monotonic()
    try:
        result, by = "MISSED", ""
        for stage in stages:
            path.write_bytes(fault.applied(source))
            if (failed := proven_failure(copy, folder, stage)) is not None:
                path.write_bytes(source)
                result = "FOUND" if failure(copy, folder, failed) is None else "UNCLEAR"
                by = ", ".join(failed)
                break
    finally:
        path.write_bytes(source)
    return {"result": result, "by": by, "seconds": round(time.monotonic() - began)}


def _diff(copy: Path, fault: Fault) -> str:
    source = (copy / fault.path).read_bytes()
    before, after = (text.decode().splitlines(keepends=True) for text in (source, fault.applied(source)))
    return "".join(difflib.unified_diff(before, after, fault.path, fault.path, n=2))


def _show(result: dict[str, object]) -> None:
    print(f"\n{result['number']}. {result['group']}: {result['file']}:{result['line']}, {result['kind']}")
    print(result["diff"], end="")
    if "result" in result:
        print(f"{result['result']} {result['by']} ({result['seconds']} s)", flush=True)


if __name__ == "__main__":
    typer.run(main)
