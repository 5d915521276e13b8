"""Databases with this version's tables and no rows, of both kinds, made once for all processes and runs of the tests.

Each test copies one: to apply all migrations would take longer than most of them do.
"""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from places import CACHE

import db
from db.upgrade import upgrade
from prompts import manifest

SQLITE = "hatif.db"


@cache
def sqlite() -> Path:
    """Return the file of an upgraded SQLite database."""
    return made("sqlite", lambda folder: finish(upgrade(f"sqlite:///{folder / SQLITE}"))) / SQLITE


def finish(making: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine in a thread: there may be an event loop here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, making).result()


def give(home: Path) -> None:
    """Put an upgraded database into the home of a line that has none."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(sqlite(), home / SQLITE)


def made(kind: str, make: Callable[[Path], None], source: str = __file__) -> Path:
    """Return a folder in the cache of the tests; it is made when the code of `db` or of `source` has changed."""
    folder = CACHE / f"{kind}_{_code(source)}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with manifest.locked(CACHE):
            if not folder.exists():
                for old in CACHE.glob(f"{kind}_*"):
                    shutil.rmtree(old)
                unfinished = CACHE / f"{kind}_unfinished"  # gone by now, if somebody's was interrupted
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
    return folder


@cache
def _code(source: str) -> str:
    """Return a mark of all that makes tables, and of the tests that use it."""
    content = hashlib.sha256(Path(__file__).read_bytes() + Path(source).read_bytes())
    for path in sorted(Path(db.__file__).parent.rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder with its owners; blocks are shared where the file system can."""
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", target], check=True)
