"""How long a dialplan waits for a FastAGI service: `.venv/bin/python -m bench.fastagi`.

Requests as Asterisk sends them, at a steady rate whatever the answers take, to a Hatif of its own and to a server that
does nothing, in turns. A time is that from before the connection until its end, after which the dialplan goes on.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import hatif
from bench.blocks import cpu_s
from bench.machine import description
from routing.figures import percentile

OFFSET = 42_000
NOTHING = "nothing"
SERVICES = {
    NOTHING: "",
    "hours": hatif.NUMBER,
    "language": hatif.NUMBER,
    "route": "en",
    "log": "outcome=self_served",
}
CASES_A_SECOND = 4.0
"""Each check of a PIN takes some 70 ms of a core, on purpose: faster, only that would be measured."""
GOAL_MS = 5.0

NO_OP = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\n\\n")
    writer.write(b'SET VARIABLE HATIF_AGI "ok"\\n')
    await reader.readuntil(b"\\n")
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), backlog=256)
    print("ready", flush=True)
    await server.serve_forever()

import uvloop
uvloop.run(main())
"""
"""A service that does nothing: one variable, on the same event loop as Hatif's."""


@dataclass(slots=True)
class Figures:
    """What the requests of one service took, in ms; `failed`: those without `HATIF_AGI` at the end; `cpu_s`: processor
    time of the process that answers."""

    times: list[float] = field(default_factory=list)
    failed: int = 0
    cpu_s: float = 0.0

    def document(self) -> dict[str, Any]:
        found = {f"p{share}_ms": percentile(self.times, share) or 0.0 for share in (50, 99)}
        found |= {"longest_ms": max(self.times), "cpu_ms": 1000 * self.cpu_s / len(self.times)}
        rounded = {name: round(value, 3) for name, value in found.items()}
        return {"requests": len(self.times), **rounded, "failed": self.failed}


def request(service: str, argument: str, number: int) -> bytes:
    """Return the lines that Asterisk 22 sends."""
    channel = f"node1-{int(time.time())}.{number}"
    values = {
        "network": "yes",
        "network_script": service,
        "request": f"agi://127.0.0.1/{service}",
        "channel": f"PJSIP/carrier-example-{number:08x}",
        "language": "en",
        "type": "PJSIP",
        "uniqueid": channel,
        "version": "22.10.1",
        "callerid": f"+3361234{number % 10_000:04}",
        "calleridname": "unknown",
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": hatif.NUMBER,
        "rdnis": "unknown",
        "context": "theirs",
        "extension": hatif.NUMBER,
        "priority": "2",
        "enhanced": "0.0",
        "accountcode": "",
        "threadid": "139872345678912",
        "arg_1": argument,
    }
    return "".join(f"agi_{name}: {value}\n" for name, value in values.items()).encode() + b"\n"


async def ask(port: int, figures: Figures, service: str, arguments: str, number: int) -> None:
    """Make one request and answer its commands as Asterisk does. `arguments`: one, and the PIN of a case."""
    argument, _, pin = arguments.partition(" ")
    began, last = time.perf_counter(), b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(service, argument, number))
        while line := await reader.readline():
            last = line
            writer.write(f"200 result=1 ({pin})\n".encode() if line.startswith(b"GET") else b"200 result=1\n")
        writer.close()
    except OSError:
        pass
    figures.times.append(1000 * (time.perf_counter() - began))
    figures.failed += last != b'SET VARIABLE HATIF_AGI "ok"\n'


async def block(
    pid: int, port: int, figures: Figures, service: str, arguments: str, rate: float, seconds: float
) -> None:
    """Ask at a steady rate. `pid`: of the process that answers."""
    loop = asyncio.get_running_loop()
    begin, before = loop.time(), cpu_s({"": pid})[""]
    async with asyncio.TaskGroup() as tasks:
        for number in range(round(rate * seconds)):
            await asyncio.sleep(begin + number / rate - loop.time())
            tasks.create_task(ask(port, figures, service, arguments, number))
    figures.cpu_s += cpu_s({"": pid})[""] - before


async def measure(home: Path, offset: int, rate: float, seconds: float, rounds: int) -> dict[str, Figures]:
    """Return what each service took. Raises UpError."""
    found = {service: Figures() for service in (*SERVICES, "case")}
    async with hatif.up(home, offset) as line:
        ivr = line.processes["controller"]
        case = await asyncio.to_thread(_open_case, home, offset)
        with closing(_NoOp(4574 + offset)) as no_op:
            for _ in range(rounds):
                for service, argument in SERVICES.items():
                    where = (no_op.pid, 4574 + offset) if service == NOTHING else (ivr, 4573 + offset)
                    await block(*where, found[service], service, argument, rate, seconds / rounds)
                await block(ivr, 4573 + offset, found["case"], "case", case, CASES_A_SECOND, seconds / rounds)
    return found


class _NoOp:
    """The server that does nothing, in a process of its own."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", NO_OP, str(port)], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.pid = self._process.pid

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def _open_case(home: Path, offset: int) -> str:
    """Open a case; return its reference and PIN."""
    command = [str(Path(sys.executable).with_name("hatif")), "case", "open"]
    options = ["--topic", "file", "--language", "en", "--country", "fr", "--title", "Sample", "--json"]
    environment = {"HATIF_HOME": str(home), "HATIF_SITE": str(home / "site"), "HATIF_PORT_OFFSET": str(offset)}
    made = subprocess.run(
        [*command, *options], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    document = json.loads(made.stdout)
    return f"{document['reference']} {document['pin']}"


def show(found: dict[str, dict[str, Any]], rate: float) -> None:
    columns = ("ms", "requests", "p50", "p99", "longest", "p50, ratio", "p99, ratio", "processor", "failed")
    table = Table(*columns, box=None, pad_edge=False)
    base = found[NOTHING]
    for service, row in found.items():
        ratios = [f"{row[name] / base[name]:.2f}" for name in ("p50_ms", "p99_ms")]
        times = [f"{row[name]:.2f}" for name in ("p50_ms", "p99_ms", "longest_ms")]
        table.add_row(service, str(row["requests"]), *times, *ratios, f"{row['cpu_ms']:.2f}", str(row["failed"]))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    late = [service for service in SERVICES if found[service]["p99_ms"] > GOAL_MS]
    console.print(
        f"\n{rate:g} requests a second of each, cases {CASES_A_SECOND:g}; load {description()['load_before']}"
    )
    console.print(f"Over {GOAL_MS:g} ms at p99: {', '.join(late) or 'none'} (a case waits for the check of its PIN)")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.fastagi", description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each service")
    parser.add_argument("--rounds", type=int, default=3, help="turns in which they take that time")
    parser.add_argument("--offset", type=int, default=OFFSET, help="added to every port")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="hatif-agi-"))
    try:
        found = asyncio.run(measure(home, given.offset, given.rate, given.seconds, given.rounds))
    except hatif.UpError as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    documents = {service: figures.document() for service, figures in found.items()}
    if given.json:
        print(json.dumps({"machine": description(), "rate": given.rate, "services": documents}, indent=1))
    else:
        show(documents, given.rate)


if __name__ == "__main__":
    main()
