"""All faults."""

import signal
from dataclasses import replace

from bench.faults import clock, commands, databases, files, processes
from bench.faults.fault import ASTERISK, CONTROLLER, NOTHING, Fault

AWAY_S = 40.0  # PostgreSQL
LOCKED_S = 60.0
FULL_S = 20.0


def catalogue() -> list[Fault]:
    """Return all faults, in the order in which they come."""
    return [
        Fault(NOTHING, "nothing happens: what is usual", processes.nothing, hold_s=5.0),
        *(_one(name) for name in (CONTROLLER, *processes.BESIDE)),
        *(replace(_one(name), name=f"stop-{_short(name)}", what=f"{name} stopped (SIGSTOP)", comes=processes.stop(name))
          for name in (CONTROLLER, *processes.BESIDE)),
        Fault("kill-controller-guard", "kill -9 of both", processes.kill(CONTROLLER, "guard"), silence_s=None),
        Fault("stop-controller-guard", "both stopped", processes.stop(CONTROLLER, "guard"), silence_s=None),
        Fault("kill-all", "kill -9 of all ours at once", processes.kill(*processes.OURS), silence_s=None),
        Fault("stop-all", "all ours stopped at once", processes.stop(*processes.OURS), silence_s=None),
        Fault("kill-asterisk", "kill -9 of Asterisk", processes.kill(ASTERISK), silence_s=None, loses=True),
        *(_asterisk_stops(seconds) for seconds in (8, 20, 60)),
        *_postgresql(),
        Fault("sqlite-locked", f"another writer for {LOCKED_S:g} s", databases.sqlite_locked, LOCKED_S, kind="sqlite"),
        Fault("home-full", "HATIF_HOME's disk full", files.home_full, FULL_S, mounts=True, refuses=True),
        Fault("home-full-kill", "the same, and kill -9 of the controller", files.home_full_kill, FULL_S, silence_s=None,
              mounts=True, refuses=True),
        Fault("home-full-stop", "the same, and the controller stopped", files.home_full_stop, FULL_S, silence_s=None,
              mounts=True, refuses=True),
        Fault("home-read-only", "HATIF_HOME read-only for what is opened", files.home_read_only, FULL_S, mounts=True,
              refuses=True),
        Fault("descriptors", "the controller can open nothing more", files.descriptors, FULL_S, refuses=True),
        Fault("journal-cut", "kill -9 of the controller, the journal's last bytes missing", files.journal_cut, 3.0,
              silence_s=None, damages=True),
        Fault("journal-garbled", "bytes in the journal's middle overwritten", files.journal_garbled, 3.0, damages=True),
        Fault("astdb-gone", "AstDB deleted, and kill -9 of Asterisk", files.astdb_gone, silence_s=None, loses=True),
        Fault("prompts-gone", "the prompts' folder renamed", files.prompts_gone, FULL_S),
        Fault("clock-forward", "the line's clock an hour ahead, and back", files.clock_stepped(clock.HOUR_S), FULL_S,
              mounts=True, steps=True),
        # Asterisk takes no key of a caller until its clock is past their last one: messages end late.
        Fault("clock-back", "the line's clock back an hour, and forward", files.clock_stepped(-clock.HOUR_S), FULL_S,
              silence_s=None, mounts=True, steps=True),
        Fault("release-killed", "kill -9 of the controller in a release", commands.release_killed, silence_s=None),
        Fault("reload-killed", "kill -9 of `hatif reload`", commands.command_killed(("reload",), 2.0)),
        Fault("backup-killed", "kill -9 of `hatif backup`", commands.backup_killed),
        Fault("upgrade-killed", "kill -9 of an upgrade of an empty database, three times", commands.upgrade_killed),
        Fault("build-killed", "kill -9 of `hatif prompts build`", commands.build_killed),
    ]  # fmt: skip


def _short(process: str) -> str:
    return "controller" if process == CONTROLLER else process


def _one(process: str) -> Fault:
    return Fault(f"kill-{_short(process)}", f"kill -9 of {process}", processes.kill(process), process=process)


def _asterisk_stops(seconds: int) -> Fault:
    # After 20 s the guard ends it, which ends every call.
    return Fault(
        f"stop-asterisk-{seconds}", f"Asterisk stopped for {seconds} s", processes.asterisk_stopped, float(seconds),
        silence_s=None, loses=seconds >= 20,
    )  # fmt: skip


def _postgresql() -> list[Fault]:
    return [
        Fault(f"postgresql-{name}", what, comes, hold_s, kind="postgresql", mounts=name == "full")
        for name, what, comes, hold_s in (
            (
                "stopped",
                f"PostgreSQL stopped in order for {processes.STOPPED_S:g} s",
                databases.postgresql_away(signal.SIGINT),
                processes.STOPPED_S,
            ),
            (
                "killed",
                f"PostgreSQL killed, back after {processes.STOPPED_S:g} s",
                databases.postgresql_away(signal.SIGKILL),
                processes.STOPPED_S,
            ),
            ("frozen", f"all of PostgreSQL stopped (SIGSTOP) for {AWAY_S:g} s", databases.postgresql_frozen, AWAY_S),
            ("cut", f"everything to and from PostgreSQL dropped for {AWAY_S:g} s", databases.postgresql_cut, AWAY_S),
            ("locked", f"the table of calls locked for {LOCKED_S:g} s", databases.postgresql_locked, LOCKED_S),
            ("full", f"PostgreSQL's disk full for {FULL_S:g} s", databases.postgresql_full, FULL_S),
        )
    ]
