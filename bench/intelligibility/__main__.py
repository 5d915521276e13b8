"""`python -m bench.intelligibility`: measure each language's voice, and a peer, with the recogniser in one run."""

import os
import sys
import time
from contextlib import ExitStack
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from bench import machine
from bench.intelligibility import report
from bench.intelligibility.environment import Environment, Recogniser, RecogniserError, install
from bench.intelligibility.jobs import PEER, QUICK, SITE, Announcements, VoiceNameError, jobs
from bench.intelligibility.kept import Kept
from bench.intelligibility.measuring import Bench, Pace
from bench.intelligibility.report import Result
from ivr.home import settings
from ivr.site import site
from prompts import catalogue
from prompts.build import TIME_LIMIT
from prompts.catalogue import CatalogueError
from prompts.clip_store import ClipStore
from prompts.voices import choice
from prompts.voices.process import VoicePool

MOST_RECOGNISERS = 4
SAY_S = 60.0
"""Seconds after which a run that writes into a file says how much is left."""


def _run(
    languages: list[str], voices: list[str], sets: list[Announcements], limit: float, installs: bool, processes: int
) -> list[Result]:
    console = Console(stderr=True)
    here = settings.read()
    environment = Environment(here.home / "intelligibility")
    if installs:
        install(environment, lambda text: console.print(f"  {text}"))
    own, texts = site.load(here.site), catalogue.load(here.site)
    named = choice.wanted(own.voices, texts.languages, slow=not here.quick_voices)
    chosen = choice.choose(named, here.voices)
    if unknown := sorted(set(languages) - set(texts.languages)):
        raise VoiceNameError(f"the site has no language {', '.join(unknown)}; it has {', '.join(texts.languages)}")
    wanted = list(jobs(languages, voices, sets, texts, chosen, here.voices))
    kept = Kept(environment.folder, ClipStore(here.clips))
    pace = Pace(wanted, kept, processes)
    results: list[Result] = []
    ends = time.monotonic() + 60 * limit
    with ExitStack() as open_, VoicePool(TIME_LIMIT) as pool, Progress(console=console, transient=True) as progress:
        recognisers = [open_.enter_context(Recogniser(environment)) for _ in range(processes)]
        bench = Bench(kept, pool, recognisers, pace)
        console.print(f"{pace.texts} announcements; {pace.known} of them are kept from earlier runs")
        task = progress.add_task("", total=pace.texts)
        said = time.monotonic()

        def done() -> None:
            nonlocal said
            progress.advance(task)
            if not console.is_terminal and time.monotonic() - said > SAY_S:  # the bar is shown on terminals only
                said = time.monotonic()
                console.print(f"  {_left(pace)}")

        for job in wanted:
            if time.monotonic() > ends:
                console.print(f"{limit:g} minutes are over: {job.language} {job.name} and all later ones are left out")
                console.print("What was measured is kept: start this again to go on")
                break
            progress.update(task, description=f"{job.language} {job.name}; {_left(pace)}")
            result = bench.measure(job, done)
            results.append(result)
            line = f"  {result.language} {result.voice}, {result.set}: {report.format_error(result.mean)}"
            console.print(f"{line}; {_left(pace)}", markup=False)
    return results


def _left(pace: Pace) -> str:
    if not pace.new:
        return "nothing is left"
    seconds = pace.left_s
    about = "" if seconds is None else f", about {max(1, round(seconds / 60))} min"
    return f"{pace.new} announcements are left{about}"


def main(
    language: Annotated[list[str], typer.Option(help="A language; may be repeated. Default: all with a limit.")] = [],  # noqa: B006
    voice: Annotated[
        list[str],
        typer.Option(help=f"`{SITE}`, `{QUICK}`, `{PEER}`, or any other name of a voice, such as piper:NAME.onnx."),
    ] = [SITE, QUICK, PEER],  # noqa: B006
    announced: Annotated[
        list[Announcements], typer.Option("--set", help="A list of announcements; may be repeated.")
    ] = [Announcements.TYPICAL, Announcements.HELD_OUT, Announcements.HARD],  # noqa: B006
    minutes: Annotated[float, typer.Option(min=0.1, help="No further voice is started after this.")] = 30,
    processes: Annotated[
        int, typer.Option(min=1, max=MOST_RECOGNISERS, help="Recognisers at a time. Default: one a processor.")
    ] = min(MOST_RECOGNISERS, len(os.sched_getaffinity(0))),
    installs: Annotated[
        bool, typer.Option("--install", help="Create the recogniser's environment first (600 MB).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Measure how well an independent recogniser understands each voice by telephone.

    What was measured is kept in HATIF_HOME/intelligibility: a run that ended early goes on when it is started again.
    """
    about = machine.description()
    started = time.monotonic()
    try:
        results = _run(language or sorted(report.WANTED), voice, announced, minutes, installs, processes)
    except (RecogniserError, VoiceNameError, CatalogueError, settings.SettingsError, site.SiteError) as error:
        print(f"bench.intelligibility: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    seconds = time.monotonic() - started
    if as_json:
        print(orjson.dumps(report.document(about, results, seconds), option=orjson.OPT_INDENT_2).decode())
    else:
        report.show(about, results, seconds)


if __name__ == "__main__":
    typer.run(main)
