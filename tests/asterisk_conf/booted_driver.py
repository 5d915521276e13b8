"""What is tried on the booted machine, as root there; run by booted_machine.py. Writes what it saw to /mnt/out."""

import asyncio
import json
import os
import pwd
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import booted_carrier

from ivr.softphone.telephone import Telephones

HATIF = "/opt/hatif/.venv/bin/hatif"
HOME = Path("/var/lib/hatif")
SITE = Path("/etc/hatif/site/site.toml")
NAMES = ("asterisk", "ivr", "guard", "journal", "desk", "gate", "monitor")
seen: dict[str, Any] = {}


def run(*command: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    said = f"{answer.stdout[-1500:]}\n{answer.stderr[-1500:]}"
    sys.stdout.write(f"$ {shlex.join(command)[:200]}: {answer.returncode}\n{said}\n")
    sys.stdout.flush()
    if ok and answer.returncode:
        raise RuntimeError(f"{command}: {answer.stderr or answer.stdout}")
    return answer


def until(what: str, true: Callable[[], object], within_s: float) -> float:
    """Wait until it is true; return after how many seconds it was."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > within_s:
            raise TimeoutError(what)
        time.sleep(0.2)
    return round(time.monotonic() - began, 1)


def shown(name: str, what: str) -> str:
    command = ["systemctl", "show", "-P", what, f"hatif-{name}.service"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def pid(name: str) -> int:
    return int(shown(name, "MainPID"))


def end(name: str, number: signal.Signals, within_s: float) -> float:
    """Send a signal to a service's process; return the seconds until another one has taken its place."""
    before = pid(name)
    os.kill(before, number)
    return until(
        f"{name} again", lambda: pid(name) not in (0, before) and shown(name, "SubState") == "running", within_s
    )


def status() -> dict[str, Any]:
    answer = subprocess.run([HATIF, "status", "--json"], capture_output=True, text=True, timeout=60, check=False)
    found: dict[str, Any] = json.loads(answer.stdout or '{"serves": false, "probe": null}')
    return found


def calls() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(HATIF, "calls", "--json").stdout)
    return found


def serves() -> bool:
    found = status()
    return bool(found["serves"] and found["probe"] and found["probe"]["fault"] is None)


def set_up() -> None:
    """Do what docs/production.md says, with the edits of its reader, and what was downloaded before."""
    page = Path("/opt/hatif/docs/production.md").read_text()
    first, second, *others = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    edit = (
        f"sed -i 's/^probe_s = .*/probe_s = 3/; s/^sip_bind = .*/sip_bind = \"0.0.0.0\"/' {SITE}\n"
        "echo HATIF_VOICES=quick >/etc/hatif/environment; export HATIF_VOICES=quick\n"
    )
    downloaded = (
        f"mkdir {HOME}/asterisk {HOME}/sounds\n"
        f"chmod a+rx /mnt/cache /mnt/cache/asterisk\n"
        f"chown -R hatif: /mnt/cache/sounds\n"
        f"ln -s /mnt/cache/asterisk/root {HOME}/asterisk/root\n"
        f"mount --bind /mnt/cache/sounds {HOME}/sounds\n"
        f"chown -h hatif: {HOME}/asterisk {HOME}/asterisk/root\n"
    )
    run("bash", "-c", "".join(("set -euxo pipefail\n", first, edit, second, downloaded, *others)))
    os.environ["HATIF_HOME"] = str(HOME)


def steps(heading: str) -> str:
    """Return the commands of a step of docs/production.md, without those that download."""
    page = Path("/opt/hatif/docs/production.md").read_text()
    after = page[page.index(f"\n{heading}\n") :]
    block = re.search(r"^```\n(.*?)^```$", after, re.MULTILINE | re.DOTALL)
    assert block is not None
    lines = [line for line in block[1].splitlines() if not line.startswith(("git", "scripts/setup"))]
    return "\n".join(re.sub(r" && git .*", "", line) for line in lines)


async def upgrade_and_go_back() -> None:
    """Do both with a call up."""
    run(HATIF, "hours", "force", "open")  # a closed line would say goodbye
    async with Telephones() as telephones:
        call = await telephones.caller("+33656000001").dial("sip:+33800212000@127.0.0.1:5060")
        await call.established()
        for heading in ("## 8. An upgrade", "### The way back"):
            before = pid("ivr"), pid("asterisk")
            await asyncio.to_thread(run, "bash", "-c", f"set -euxo pipefail\n{steps(heading)}")
            await asyncio.to_thread(until, "the line serves", serves, 240)
            seen[heading] = [before[0] != pid("ivr"), before[1] == pid("asterisk"), call.state]
        await call.hangup()


def remove() -> None:
    seen["removed"] = run("bash", "-c", f"set -euxo pipefail\n{steps('## 9. Removal')}").stdout
    folders = ("system", "sysusers.d", "tmpfiles.d", "logrotate.d")
    seen["not removed"] = [
        str(path) for name in folders for path in Path("/etc").glob(f"**/{name}/hatif*") if path.is_file()
    ]
    seen["data"] = (HOME / "hatif.db").exists()
    seen["still running"] = run("pgrep", "-u", "hatif", ok=False).stdout


def try_it() -> None:
    set_up()
    seen["serves after"] = until("the line serves", serves, 240)
    found = status()
    seen["checks"] = {check["name"]: [check["ok"], check["found"]] for check in found["checks"]}
    seen["status"] = shown("ivr", "StatusText")
    user = pwd.getpwnam("hatif").pw_uid
    for name in NAMES:
        lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid(name)}/status").read_text().splitlines())
        is_own = {int(number) for number in lines["Uid"].split()} == {user}
        seen[f"rights of {name}"] = [is_own, *(lines[key] for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"))]
    seen["up as root"] = run(HATIF, "up", ok=False).stderr
    seen["up"] = run("runuser", "-u", "hatif", "--", HATIF, "up", ok=False).stderr

    for name, number, within_s in (
        ("asterisk", signal.SIGKILL, 90),
        ("journal", signal.SIGKILL, 90),
        ("ivr", signal.SIGSTOP, 90),  # by the guard
        ("guard", signal.SIGSTOP, 180),  # by its watchdog
    ):
        seen[f"{name} again"] = end(name, number, within_s)
        until("the line serves again", serves, 240)
    seen["watchdog"] = run("journalctl", "--no-pager", "-u", "hatif-guard").stdout

    logs = HOME / "asterisk" / "log"
    run(
        *json.loads(Path("/mnt/out/logrotate").read_text()),
        "--force",
        "--state",
        "/run/logrotate",
        "/etc/logrotate.d/hatif",
    )
    opened = [path.readlink() for path in Path(f"/proc/{pid('asterisk')}/fd").iterdir()]
    seen["logs"] = sorted(re.sub(r"\d{8}-\d+", "DATE", path.name) for path in logs.iterdir())
    seen["open logs"] = sorted(path.name for path in opened if path.parent == logs)

    run("systemctl", "stop", "hatif.target", "hatif-*")
    seen["stopped"] = {name: shown(name, "ActiveState") for name in NAMES}
    seen["left"] = run("pgrep", "-u", "hatif", ok=False).stdout
    run("systemctl", "start", "hatif.target")
    seen["serves again after"] = until("the line serves after a stop", serves, 240)
    asyncio.run(upgrade_and_go_back())
    asyncio.run(booted_carrier.follow(run, seen, calls))
    remove()


try:
    try_it()
finally:
    Path("/mnt/out/seen.json").write_text(json.dumps(seen, indent=1))
    Path("/mnt/out/journal").write_text(run("journalctl", "--no-pager").stdout)
