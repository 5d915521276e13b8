"""The processes of `scripts/test` start from one that has loaded what their tests need. A program.

Each would load the same three thousand modules, and on a fresh checkout compile the same tests. So one process
collects the tests first, as pytest does, and forks for each of them. Only the modules are loaded again there that know,
directly or through others, which ports are those of their process (`offsets`).

`forked_workers.py SOCKET [PATH…]` forks. `forked_workers.py SOCKET -u -c …`, which pytest-xdist starts as its Python,
is what it sees of a process that was forked.
"""

import gc
import os
import re
import socket
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import forks
from forked import Forked

TESTS = Path(__file__).parent
PYTHON_OPTIONS = ["-u", "-c"]
IMPORTED = re.compile(r"^ *(?:from|import) (\w+)", re.MULTILINE)


def use(specs: Sequence[Any], paths: Sequence[str]) -> None:
    """Have pytest-xdist start the processes of `specs` this way. `paths`: whose tests they collect."""
    folder = forks.folder("work-")
    with forks.listen(folder / "socket") as listener:
        forks.start([__file__, str(listener.fileno()), *paths], listener)
    for spec in specs:
        spec.python = f"{sys.executable} -S {__file__} {folder / 'socket'}"


def _load(paths: Sequence[str]) -> None:
    import pytest
    from sqlalchemy.orm import configure_mappers

    before = sys.path.copy()
    with Path(os.devnull).open("w") as nowhere:
        there = os.dup(1)
        os.dup2(nowhere.fileno(), 1)
        # What is wrong with the tests is told by the processes that run them.
        pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *paths])
        sys.stdout.flush()
        os.dup2(there, 1)
        os.close(there)
    sys.path[:] = before
    if (read_once := sys.modules.get("read_once")) is not None:  # as the tests have it
        read_once.load_example()
    if "prompts.loudness" in sys.modules:
        import_module("pyloudnorm")  # with all of scipy, for those that build prompts
    for name in importers_of("offsets") & sys.modules.keys():
        del sys.modules[name]
    configure_mappers()
    if pages := sys.modules.get("desk.page.pages"):
        pages.Pages().prepare()  # in a second of the processor, which each process would take
    assert threading.active_count() == 1, "a thread would not be in what is forked"


def importers_of(name: str) -> set[str]:
    """Return the names of the tests' modules that import this one, directly or through others, and its own."""
    imported = {file.stem: {*IMPORTED.findall(file.read_text("utf-8"))} for file in TESTS.rglob("*.py")}
    found, more = set[str](), {name}
    while more:
        found |= more
        more = {importer for importer, modules in imported.items() if modules & found} - found
    return found


def main() -> None:
    address, *rest = sys.argv[1:]
    if rest[:2] == PYTHON_OPTIONS:
        sys.exit(Forked(Path(address), rest, os.environ, (0, 1, 2)).wait())
    listener = socket.socket(fileno=int(address))
    sys.path[0] = str(TESTS.parent)
    _load(rest)
    gc.enable()
    gc.freeze()
    forks.serve(listener)
    program, sys.argv = sys.argv[2], ["-c"]
    exec(program, {"__name__": "__main__"})  # as `python -c` does it


if __name__ == "__main__":
    main()
