"""Processes of the tests' lines that have loaded their modules before they start. A program.

A process of a line takes one to two seconds of the processor to load libraries and what is ours, and the tests start
some two hundred. So there are two processes that have loaded all of it, once, and done nothing else: one forks
controllers, the other `hatif up` and what it runs, for all lines. The supervisor gives what is forked the
same environment, folder, output and session as always, and the lock of its pid file. The programs `hatif` and `python`
in the folder of their sockets have a command, a module or code forked as well, for those that start them by a path.

A line whose home has the file `COLD` starts all of them as an administrator's does (the fixture `cold_starts`), and so
does one whose environment names modules of its own. A controller that is forked runs the file `FAULTS` first, if its
home has one.
"""

import gc
import importlib
import os
import runpy
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # before the tests' folder, in which `prompts` is another one

import forks
import read_once
from forked import Forked
from sqlalchemy.orm import configure_mappers

LIBRARIES = (
    *("aiosqlite", "alembic.command", "asyncpg", "babel", "fastapi", "fastapi.openapi.models", "holidays.countries"),
    *("msgspec", "orjson", "anyio._backends._asyncio", "importlib.readers"),
    *("panoramisk", "phonenumbers", "picows", "pydantic", "sqlalchemy.dialects.postgresql.asyncpg", "structlog"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.ext.asyncio", "stdnum.iso7064.mod_11_10", "uvicorn", "uvloop", "yaml"),
)
OURS = {
    "controllers": (
        *("ivr.__main__", "ivr.api.app", "ivr.agi.server", "argon2", "encodings.idna", "inotify_simple"),
        # Which a controller loads once it serves callers.
        *("db.caller_limits", "db.delivery", "db.last_calls", "db.read_cases", "db.reservations", "db.returners"),
        *("db.shifts", "ivr.controller.orphaned_rows", "uvicorn.lifespan.off"),
    ),
    "commands": (
        *("asterisk_conf.instance", "asterisk_conf.install", "db.delivery", "db.upgrade", "dialplan.lint"),
        *("dialplan.plan", "cli.main", "cli.processes.up", "cli.processes.terminal_log"),
        *("cli.operators.roster", "reports.results", "reports.workbook"),
        *("ivr.check.checking", "cli.check", "cli.flow", "cli.prompts.prompts", "ivr.trial.voice_limits"),
        *("ivr.data.expiry", "ivr.process.guard", "ivr.process.supervisor", "ivr.records.queue_log"),
        *("numpy.ma", "prompts.build", "pyloudnorm", "rich._emoji_codes", "rich.progress"),
        *("desk.app", "desk.command", "desk.report.making", "desk.server", "ivr.process.telephone_gate"),
        *("cli.hear", "cli.speech.transcribing", "ivr.recognition.guide_finder", "speech.parent"),
        *("speech.scoring", "speech.worker"),
    ),
}
HATIF = str(Path(sys.executable).with_name("hatif"))
CONTROLLER = (sys.executable, "-m", "ivr")
COMMANDS = {(HATIF, *words.split()) for words in ("up", "journal", "guard", "desk", "gate", "hear", "speech messages")}
COLD, FAULTS = "cold", "faults.py"
SHARED = "HATIF_TEST_WARM"
LOOKS_S = 0.4
"""How often a controller of the tests looks at the call-back requests: they write them past it."""
TESTS = Path(__file__).parent


def share() -> None:
    """Start what forks, for this process and those that it starts."""
    os.environ[SHARED] = str(sockets())


def start(
    argv: Sequence[str],
    env: Mapping[str, str],
    output: int,
    held: Sequence[int] = (),
    cwd: Path | None = None,
    *,
    leads: bool = False,
    folder: Path | None = None,
) -> Forked:
    """Start one of `CONTROLLER` and `COMMANDS`; the arguments are those of `Forked`, `folder` is of `sockets`."""
    kind = "controllers" if tuple(argv) == CONTROLLER else "commands"
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        return Forked((folder or sockets()) / kind, argv, env, (nothing, output, output), held, cwd, leads=leads)
    finally:
        os.close(nothing)


@cache
def sockets() -> Path:
    """Return the folder of the sockets of what forks; it is started now, and ends with this process.

    Several processes of the tests share those of the one that started them.
    """
    if shared := os.environ.get(SHARED):
        return Path(shared)
    folder = forks.folder("warm-")
    _write_programs(folder)
    listeners = [forks.listen(folder / kind) for kind in OURS]
    forks.start([__file__, str(folder), *(str(listener.fileno()) for listener in listeners)], *listeners)
    for listener in listeners:
        listener.close()
    return folder


def is_warm(env: Mapping[str, str]) -> bool:
    """Return whether processes of a line with this environment are forked."""
    return env.get("PYTHONPATH") == os.environ.get("PYTHONPATH") and not Path(env["HATIF_HOME"], COLD).exists()


_STANDS_FOR = """#!{python} -S
import os, sys
sys.path.insert(0, {tests!r})
from forked import Forked
sys.exit(Forked({socket!r}, [{program!r}, *sys.argv[1:]], os.environ, (0, 1, 2)).wait())
"""


def _write_programs(folder: Path) -> None:
    """Write a `hatif` and a `python` that have `folder` fork, and wait for what was forked."""
    (folder / "bin").mkdir()
    for name, program in (("hatif", HATIF), ("python", sys.executable)):
        file, socket_ = folder / "bin" / name, str(folder / "commands")
        text = _STANDS_FOR.format(python=sys.executable, tests=str(TESTS), socket=socket_, program=program)
        file.write_text(text)
        file.chmod(0o755)


def _run_controller(folder: Path) -> None:
    from ivr.__main__ import main as controller
    from ivr.call import playback
    from ivr.callbacks import dispatcher
    from ivr.site_changes import programs

    # The only thing that a module draws by lot when it is loaded: it must differ between controllers.
    playback._BOOT = secrets.token_hex(5)
    dispatcher.EVERY_S = LOOKS_S
    if (faults := Path(os.environ["HATIF_HOME"], FAULTS)).exists():
        runpy.run_path(str(faults))
    if not Path(os.environ["HATIF_HOME"], COLD).exists():
        programs.sys = _python(folder)  # type: ignore[assignment,attr-defined]
    controller()


def _python(folder: Path) -> SimpleNamespace:
    """Return what stands for `sys` in a module that starts programs beside `sys.executable`."""
    return SimpleNamespace(executable=str(folder / "bin" / "python"))


def _run_command(folder: Path) -> None:
    from cli.main import main as hatif
    from desk import command
    from ivr.process import supervisor

    def popen(argv: Sequence[str], **options: Any) -> Any:
        if (tuple(argv) == CONTROLLER or tuple(argv) in COMMANDS) and is_warm(options["env"]):
            given = (options["env"], options["stdout"], options["pass_fds"], options["cwd"])
            return start(argv, *given, leads=True, folder=folder)
        return subprocess.Popen(argv, **options)

    gc.enable()
    if sys.argv[1:2] == ["-m"]:
        module, sys.argv = sys.argv[2], sys.argv[2:]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    if sys.argv[1:2] == ["-c"]:
        program, sys.argv = sys.argv[2], ["-c", *sys.argv[3:]]
        exec(program, {"__name__": "__main__"})
        return
    if sys.argv[1:2] == ["desk"] and not Path(os.environ["HATIF_HOME"], COLD).exists():
        command.sys = _python(folder)  # type: ignore[assignment,attr-defined]
    with patch.object(supervisor, "subprocess", SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL)):
        hatif()


def _compile_templates() -> None:
    from asterisk_conf import conf
    from desk.page.pages import Pages
    from dialplan import plan

    Pages().prepare()
    for environment in (conf._TEMPLATES, plan._environment()):
        for name in environment.list_templates(extensions=["jinja"]):
            environment.get_template(name)


def main() -> None:
    folder = Path(sys.argv[1])
    listeners = {kind: socket.socket(fileno=int(number)) for kind, number in zip(OURS, sys.argv[2:], strict=True)}
    del sys.path[1]  # the tests' folder
    gc.disable()
    sys.modules["rich"] = None  # type: ignore[assignment]  # as the controller begins
    for name in LIBRARIES:
        importlib.import_module(name)
    kind = "controllers" if os.fork() else "commands"
    for other in OURS.keys() - {kind}:
        listeners[other].close()
    if kind == "commands":
        del sys.modules["rich"]
    for name in OURS[kind]:
        importlib.import_module(name)
    configure_mappers()
    read_once.install()
    read_once.load_example()
    if kind == "commands":
        _compile_templates()
    assert threading.active_count() == 1, "a thread would not be in what is forked"
    gc.freeze()
    forks.serve(listeners[kind])
    forks.run(partial(_run_controller if kind == "controllers" else _run_command, folder))


if __name__ == "__main__":
    main()
