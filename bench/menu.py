"""Measure the cost of Hatif itself: the same call through a plain dialplan, a bare ARI controller, and Hatif.

One Asterisk answers all three in one run, in interleaved blocks: a menu, one key, the next prompt; and operators who
hang up and are rung for the next caller. `python -m bench.menu` prints a table, with `--json` one document; `--help`
lists the options.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import aiohttp
import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from bench import asterisk, bare, blocks, figures, hatif, machine
from bench.asterisk import Asterisk, Prompts
from bench.blocks import Way
from bench.load import MenuBlock, RingBlock

QUEUE_SHARE = 10  # app_queue needs about half a second for each ring, so it gets a tenth of them
TALK_S = (0.2, 0.6)


@dataclass(frozen=True, slots=True)
class Load:
    """The size of the measurement: each way of answering gets `calls` calls and `rings` rings."""

    rate: float  # calls/s
    calls: int
    rings: int
    rounds: int
    listens_s: float  # from the answer to the release of the key
    operators: int
    waiting: int


async def measure(
    pbx: Asterisk,
    prompts: Prompts,
    load: Load,
    phones_port: int,
    own: hatif.Line | None,
    others: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the whole document; without Hatif's own line it covers the other two.

    `others`: stopped groups of processes, by name; Hatif is measured beside each of them as well.

    Raises BlockError; aiohttp.ClientError and TimeoutError if Asterisk does not accept the added configuration.
    """
    operators = [f"bench-{n}" for n in range(1, load.operators + 1)]
    await pbx.extend(prompts, phones_port, operators)
    about = machine.description() | {"asterisk": await pbx.version()}
    menu = MenuBlock(
        number="dialplan",
        address=asterisk.CALLERS,
        server=pbx.sip,
        first=prompts.first_files,
        following=prompts.following_files,
        calls=load.calls,
        rate=load.rate,
        listens=load.listens_s,
    )
    ring = RingBlock(
        number="queue",
        address=asterisk.CALLERS,
        server=pbx.sip,
        phones_address=asterisk.PHONES,
        phones_port=phones_port,
        accounts=tuple((name, "") for name in operators),
        rings=max(load.rounds, load.rings // QUEUE_SHARE),
        waiting=load.waiting,
        talk=TALK_S,
    )
    async with bare_controller(pbx, prompts, operators) as controller:
        ways = [
            Way("dialplan", menu, ring, {"asterisk": pbx.pid}),
            Way(
                "bare",
                replace(menu, number="bare"),
                replace(ring, number="wait", rings=load.rings),
                {"asterisk": pbx.pid, "controller": controller},
            ),
        ]
        if own:
            ways.append(
                Way(
                    "hatif",
                    replace(menu, number=own.number, address=own.callers, key=own.menu_key),
                    replace(
                        ring,
                        number=own.number,
                        address=own.callers,
                        accounts=own.accounts[: load.operators],
                        rings=load.rings,
                        keys=own.operator_keys,
                    ),
                    {"asterisk": pbx.pid, **own.processes},
                )
            )
            alone = ways[-1]
            for name, group in others.items():
                ways.append(Way(name, alone.menu, alone.ring, alone.processes, beside=group))
        with Progress(console=Console(stderr=True), transient=True) as progress:
            await blocks.measure(ways, load.rounds, progress)
    systems = {way.name: figures.system(way.menus, way.rings, way.cpu) for way in ways}
    return {
        "machine": about,
        "load": asdict(load),
        "systems": systems,
        "ratios": figures.ratios(systems),
        "wanted": figures.check_targets(systems),
    }


@asynccontextmanager
async def bare_controller(pbx: Asterisk, prompts: Prompts, operators: list[str]) -> AsyncIterator[int]:
    """Run the bare controller and yield its pid. Raises RuntimeError if it ends before it is ready."""
    media = [",".join(f"sound:{name}" for name in names) for names in (prompts.first, prompts.following)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", *media, *operators, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "BENCH_ARI": pbx.events(bare.APP)},
    )  # fmt: skip
    try:
        assert process.stdout
        if (await asyncio.wait_for(process.stdout.readline(), 20)).strip() != b"ready":
            raise RuntimeError("the bare controller could not connect to Asterisk")
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def stopped(module: str) -> AsyncIterator[int]:
    """Yield a stopped group of processes that run a module, once it does its work. Raises RuntimeError if it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout and process.stderr
        if not await asyncio.wait_for(process.stdout.readline(), 120):
            raise RuntimeError(f"{module} has ended: {(await process.stderr.read()).decode().strip()[-500:]}")
        os.killpg(process.pid, signal.SIGSTOP)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def main(
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second.")] = 40,
    calls: Annotated[int, typer.Option(min=1, help="Calls through each way of answering.")] = 400,
    rings: Annotated[int, typer.Option(min=1, help="Rings of a freed operator, each way; app_queue a tenth.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds into which the blocks are divided.")] = 4,
    listens: Annotated[float, typer.Option(min=0.3, max=5, help="Seconds from the answer to the key.")] = 1.0,
    operators: Annotated[int, typer.Option(min=1, max=10, help="Telephones that are rung.")] = 5,
    waiting: Annotated[int, typer.Option(min=1, help="Callers kept waiting.")] = 10,
    offset: Annotated[int, typer.Option(help="Added to every port (HATIF_PORT_OFFSET).")] = 40_000,
    home: Annotated[Path | None, typer.Option(help="HATIF_HOME of the run; default: a temporary one.")] = None,
    speaking: Annotated[
        bool, typer.Option("--speaking", help="Also measure Hatif while Kokoro speaks at the background's priority.")
    ] = False,
    hearing: Annotated[
        bool, typer.Option("--hearing", help="Also measure Hatif while the packaged recogniser hears two callers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Measure the same call through a plain dialplan, a bare ARI controller and Hatif, all on one Asterisk."""
    load = Load(rate, calls, rings, rounds, listens, operators, waiting)

    async def run(folder: Path) -> dict[str, Any]:
        async with hatif.up(folder, offset) as line, AsyncExitStack() as stack:
            chosen = [name for name, wanted in (("speaking", speaking), ("hearing", hearing)) if wanted]
            others = {name: await stack.enter_async_context(stopped(f"bench.{name}")) for name in chosen}
            return await measure(line.asterisk, line.prompts, load, 5070 + offset, line, others)

    try:
        with tempfile.TemporaryDirectory(prefix="hatif-bench-") as temporary:
            document = asyncio.run(run(home or Path(temporary)))
    except (hatif.UpError, blocks.BlockError, aiohttp.ClientError, TimeoutError, RuntimeError) as error:
        print(f"bench.menu: {error or type(error).__name__}", file=sys.stderr)
        raise SystemExit(1) from None
    if as_json:
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        figures.show(document)


if __name__ == "__main__":
    typer.run(main)
