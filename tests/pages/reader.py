"""Typing what is on a page, into a line that has callers' data and in which nothing runs."""

import asyncio
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import small_site
import warm_up
from page import arguments
from shell import Answer, Shell, command

from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine
from ivr.model import clock

CALLER = "+33612345678"
"""The caller of the pages."""


def typed(text: str, environment: Mapping[str, str], folder: Path) -> Answer:
    """Run a line of a page: in this process if it is a `hatif` command alone, otherwise in a shell in `folder`."""
    try:
        words = arguments(text)
    except ValueError:
        words = [">"]
    if not {"<", ">"} & {*words}:
        given = dict(word.split("=", 1) for word in shlex.split(text) if re.match("[A-Z_]+=", word))
        return command(words, {**environment, **given})
    path = f"{warm_up.sockets() / 'bin'}:{environment['PATH']}"
    shell = ("bash", "-euo", "pipefail", "-c", text)
    done = subprocess.run(
        shell, env={**environment, "PATH": path}, cwd=folder, capture_output=True, text=True, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


class Reader(Shell):
    """A line with a case and a call of `CALLER`."""

    def __init__(self, home: Path) -> None:
        site = small_site.make(home.with_name("of_the_site"))
        super().__init__(home, site.folder)
        line_settings.write(home, KeptLine(19_000, str(site.folder)))
        self.make_database()
        about = ("--topic", "travel", "--language", "ar", "--country", "GB", "--title", "A visa", "--caller", CALLER)
        assert self.run("case", "open", *about).returncode == 0
        journal = Journal(home / "journal", "node1")
        for ended in (clock.now() - timedelta(days=800), clock.now() - timedelta(minutes=1)):
            started = ended - timedelta(minutes=2)
            journal.put("call", id=uuid7(), caller=CALLER, started=started, ended=ended, outcome="answered")
        journal.close()
        asyncio.run(deliver_all(home / "journal", f"sqlite:///{home / 'hatif.db'}"))

    def types(self, text: str) -> Answer:
        given = {"HATIF_HOME": str(self.home), "HATIF_PORT_OFFSET": "19000", "HATIF_DATABASE": ""}
        return typed(text, os.environ | given, self.home)
