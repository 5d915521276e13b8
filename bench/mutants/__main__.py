"""`python -m bench.mutants`: put drawn faults into a copy of the code, and say which of them the tests find."""

import difflib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from bench.mutants.concerned import GROUPS, Concern
from bench.mutants.faults import Fault, draw

CHECKOUT = Path(__file__).resolve().parents[2]
_STAGE_S = 1200
"""A stage that takes longer has found the fault: something waits for ever."""


def main(
    count: Annotated[int, typer.Option(help="How many faults.", min=1)] = 30,
    seed: Annotated[int, typer.Option(help="The same seed draws the same faults from the same code.")] = 1,
    only: Annotated[str, typer.Option(help="The numbers of the faults to try, such as 3,7; all by default.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show the faults without running any test.")] = False,
    quick: Annotated[bool, typer.Option(help="Run only the tests without telephones.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Draw faults from ringing, talk, restart, codes and call-backs, and say for each whether the tests find it.

    Each is put into a copy of the committed code. The tests that concern its part run, the cheap ones first, until the
    first failure. A fault can be harmless (code that makes something quicker only, a limit that nothing reaches), so
    what is missed is to be read. Needs `scripts/setup --for test`; half an hour, most of it for what is missed.
    """
    chosen = {int(number) for number in only.split(",") if number}
    found = []
    with tempfile.TemporaryDirectory(prefix="hatif-mutants-") as folder:
        copy = Path(folder) / "code"
        subprocess.run(["git", "worktree", "add", "--detach", "-q", copy, "HEAD"], cwd=CHECKOUT, check=True)
        try:
            passing: set[str] = set()
            modules = {name: concern.modules(copy) for name, concern in GROUPS.items()}
            for number, (group, fault) in enumerate(draw(modules, copy, count, seed), 1):
                if chosen and number not in chosen:
                    continue
                result = {
                    "number": number, "group": group, "file": fault.path, "line": fault.line, "kind": fault.kind,
                    "diff": _diff(copy, fault),
                }  # fmt: skip
                if not listed:
                    if group not in passing:
                        _passing(copy, Path(folder), GROUPS[group].stages(copy)[:1])
                        passing.add(group)
                    result |= _tried(copy, Path(folder), GROUPS[group], fault, quick)
                found.append(result)
                if not as_json:
                    _show(result)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", copy], cwd=CHECKOUT, check=True)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    elif not listed:
        print(f"{sum(bool(result['found']) for result in found)} of {len(found)} were found")


def _passing(copy: Path, folder: Path, stages: Iterable[list[Path]]) -> None:
    """Raise RuntimeError if tests fail without any fault."""
    for stage in stages:
        if stage and (failed := _failure(copy, folder, stage)):
            raise RuntimeError(f"this fails without any fault: {failed}")


def _tried(copy: Path, folder: Path, concern: Concern, fault: Fault, quick: bool) -> dict[str, object]:
    path = copy / fault.path
    source = path.read_bytes()
    path.write_bytes(fault.applied(source))
    began = time.monotonic()
    try:
        stages = concern.stages(copy)
        for stage in stages[:1] if quick else stages:
            if stage and (failed := _failure(copy, folder, stage)):
                return {"found": failed, "seconds": round(time.monotonic() - began)}
        return {"found": None, "seconds": round(time.monotonic() - began)}
    finally:
        path.write_bytes(source)


def _failure(copy: Path, folder: Path, tests: list[Path]) -> str | None:
    """Run tests; return the first failure, None if all pass. Raises RuntimeError if they cannot be run at all."""
    cache = Path(os.environ.get("HATIF_TEST_CACHE") or CHECKOUT / "var" / "cache")
    home = Path(tempfile.mkdtemp(prefix="home-", dir=folder))
    (home / "asterisk").mkdir()
    for part in ("apt", "root"):
        if (cache / "asterisk" / part).exists():
            (home / "asterisk" / part).symlink_to(cache / "asterisk" / part)
    # PYTHONPATH comes before the checkout that is installed in the environment, for the line's processes too.
    environment = os.environ | {
        "PYTHONPATH": str(copy), "HATIF_HOME": str(home), "HATIF_TEST_CACHE": str(cache),
        "XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR") or str(home),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-m", "not long"]
    try:
        done = subprocess.run(
            [*command, *tests], cwd=copy, env=environment, capture_output=True, text=True, timeout=_STAGE_S
        )
    except subprocess.TimeoutExpired:
        return f"the tests took over {_STAGE_S} s"
    if done.returncode == 0:
        return None
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if not failed:
        raise RuntimeError(f"the tests could not be run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return failed[0]


def _diff(copy: Path, fault: Fault) -> str:
    source = (copy / fault.path).read_bytes()
    before, after = (text.decode().splitlines(keepends=True) for text in (source, fault.applied(source)))
    return "".join(difflib.unified_diff(before, after, fault.path, fault.path, n=2))


def _show(result: dict[str, object]) -> None:
    print(f"\n{result['number']}. {result['group']}: {result['file']}:{result['line']}, {result['kind']}")
    print(result["diff"], end="")
    if "found" in result:
        print(
            f"{'found: ' + str(result['found']) if result['found'] else 'MISSED'} ({result['seconds']} s)", flush=True
        )


if __name__ == "__main__":
    typer.run(main)
