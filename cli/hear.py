"""`hatif hear`: the workers that hear what callers say."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
import typer

from cli.composition import Composition, ControlError
from ivr.home import heartbeat, pid_lock
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.process.own_user import refuse_root
from speech.models import Engine, Models
from speech.parent import Parent
from speech.vosk import Model


def register(app: typer.Typer) -> None:
    app.command()(hear)


def hear() -> None:
    """Hear what callers say instead of pressing keys, in the foreground. `hatif up` runs it as well."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # what is forked has none of its parent's threads
    parts = Composition()
    if not parts.site.speech.menus:
        raise ControlError("Callers have keys only: write menus = true in [speech] of site.toml.")
    refuse_root(parts.site)
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    pid_lock.hold(parts.settings.run, "hear")
    log = structlog.get_logger()
    models = Models(parts.settings.speech_models, parts.settings.cache)
    languages, brought = parts.site.languages, models.brought()
    folders = {code: brought[code].folder for code in languages if code in brought and brought[code].grammar}
    scored = {}
    if parts.site.speech.packaged:
        found = {code: models.find(code) for code in languages if code not in folders}
        scored = {code: model.folder for code, model in found.items() if model and model.engine is Engine.WHISPER}
    log.info("Languages that callers can speak", vosk=sorted(folders), packaged=sorted(scored))
    systemd = ServiceManager(lives=heartbeat.of_process(parts.settings.run, "hear"))
    work = _worker(parts.settings.speech, scored, parts.settings.sounds)
    Parent(parts.site.speech.workers, folders, work, log.warning).run(lambda: systemd.alive("Hears callers"))


def _worker(
    controllers: Path, scored: Mapping[str, Path], sounds: Path
) -> Callable[[int, Mapping[str, Model], Callable[[], None]], None]:
    # numpy reads OPENBLAS_NUM_THREADS when it is loaded.
    from ivr.recognition.guide_finder import GuideFinder
    from speech.scoring import Scorer, ScoringEngine, executor
    from speech.worker import Engine as HearingEngine
    from speech.worker import VoskEngine, Worker

    def work(number: int, models: Mapping[str, Model], beat: Callable[[], None]) -> None:
        async def run() -> None:
            finder = GuideFinder(sounds)
            engines: dict[str, HearingEngine] = {
                language: VoskEngine(model, finder) for language, model in models.items()
            }
            computing = executor()

            async def load() -> None:
                # Here and not in the parent: the model has threads, which a fork would not have.
                folder = next(iter(scored.values()))
                scorer = await asyncio.get_running_loop().run_in_executor(computing, Scorer, folder)
                engines.update({language: ScoringEngine(scorer, language, computing, finder) for language in scored})
                structlog.get_logger().info("The packaged recogniser is loaded", worker=number)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(Worker(number, engines, controllers, beat).run())
                if scored:
                    tasks.create_task(load())

        asyncio.run(run())

    return work
