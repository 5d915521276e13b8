"""The command line in the tests' own process, which spares each command its start."""

import os
import sqlite3
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ivr.cli.main import main


@dataclass
class Answer:
    returncode: int
    stdout: str
    stderr: str


class Shell:
    """An installation in `home` where nothing runs."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str) -> Answer:
        environment = {"HATIF_HOME": str(self.home), "HATIF_PORT_OFFSET": "19000", "HATIF_DATABASE": ""}
        out, err = StringIO(), StringIO()
        status: object = 0
        with (
            patch.dict(os.environ, environment),
            patch.object(sys, "argv", ["hatif", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                status = end.code
        return Answer(int(str(status or 0)), out.getvalue(), err.getvalue())

    def database(self, statement: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(self.home / "hatif.db")) as database, database:
            return database.execute(statement, values).fetchall()
