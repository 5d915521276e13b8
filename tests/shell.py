"""The command line in the tests' own process, which saves the start-up time of each command."""

import os
import sqlite3
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

import made_databases
import structlog
from argon2 import PasswordHasher, Type

from cli.main import main
from db import pin_hashes

_QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
"""Hashes PINs as the real one does, but for its cost: a tenth of a second of the processor for each case."""


@dataclass
class Answer:
    returncode: int
    stdout: str
    stderr: str


_one_at_a_time = threading.Lock()


def command(arguments: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """Return a command's answer in exactly this environment. Runs in a thread: there may be an event loop here."""
    with _one_at_a_time, ThreadPoolExecutor(1) as thread:
        return thread.submit(_command, arguments, environment).result()


def _command(arguments: Sequence[str], environment: Mapping[str, str]) -> Answer:
    # Text streams over a `buffer`, because some commands write bytes there.
    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    logs = structlog.get_config()
    status: object = 0
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["hatif", *arguments]),
        patch.object(pin_hashes, "_hasher", lambda: _QUICK),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code
        finally:
            structlog.configure(**logs)  # restore the tests' configuration
    return Answer(int(str(status or 0)), _text(out), _text(err))


def _text(written: TextIOWrapper) -> str:
    content = written.detach().getvalue()  # type: ignore[attr-defined]
    return str(content, "utf-8").replace("\r\n", "\n")


class Shell:
    """An installation in `home` in which nothing runs; `site`: its folder, None for the example."""

    def __init__(self, home: Path, site: Path | None = None) -> None:
        self.home, self.site = home, site

    def run(self, *arguments: str) -> Answer:
        environment = {"HATIF_HOME": str(self.home), "HATIF_PORT_OFFSET": "19000", "HATIF_DATABASE": ""}
        if self.site is not None:
            environment["HATIF_SITE"] = str(self.site)
        return command(arguments, os.environ | environment)

    def make_database(self) -> None:
        """Give the installation its database, as `hatif db upgrade` does."""
        made_databases.give(self.home)

    def database(self, statement: str, *values: str | int | None) -> list[Any]:
        with closing(sqlite3.connect(self.home / "hatif.db")) as database, database:
            return database.execute(statement, values).fetchall()
