"""`hatif prompts …`: the audio that callers hear."""

import signal
from dataclasses import asdict
from pathlib import Path

import typer

from cli.composition import Composition
from cli.groups import add_group
from cli.output import JSON, Bar, as_json, as_table, console, errors
from cli.owner import refuse_strangers
from cli.prompts import clip_sets, release, studio, text_lengths, voices
from cli.prompts.build_prompts import build_all
from cli.prompts.slow_voices import wanted_clips, work
from cli.prompts.voices import voice_for
from ivr.home import pid_lock
from ivr.home.logs import configure
from prompts import catalogue, listening, manifest, progress
from prompts.catalogue import Catalogues
from prompts.clip_store import ClipStore
from prompts.say import say as speak
from prompts.slow_status import SlowStatus, slow_statuses
from prompts.status import LanguageStatus, language_statuses
from prompts.update import update as update_catalogues


def register(app: typer.Typer) -> None:
    prompts = add_group(app, "prompts", "Build, list and check prompts; voices, recordings and fuzzy texts.")
    prompts.command()(build)
    prompts.command("list")(list_prompts)
    prompts.command()(status)
    prompts.command()(say)
    prompts.command()(listen)
    text_lengths.register(prompts)
    voices.register(prompts)
    studio.register(prompts)
    clip_sets.register(prompts)
    prompts.command()(update)
    release.register(prompts)


def build(
    background: bool = typer.Option(
        False,
        "--background",
        help="Have slow voices speak what is left, at the lowest priority. `hatif up` does so as well.",
    ),
) -> None:
    """Make the audio of all prompts; skip what has not changed."""
    parts = Composition()
    refuse_strangers(parts.settings.home)
    if background:
        _build_in_background(parts)
        return
    with Bar() as bar:
        bar.step("Prompts in all languages")
        report = build_all(parts, lambda done, total, _: bar.update(done, total))
    console.print(f"{report.made} made, {report.kept} unchanged, in {report.seconds:.1f} s.")
    if report.quick:
        voices = "its slow voice" if len(report.quick) == 1 else "their slow voices"
        languages = ", ".join(report.quick)
        console.print(f"{languages}: {voices} will be used once everything is spoken; see `hatif prompts status`.")
    for recorded in report.recorded:
        console.print(f"{recorded.language} has only recordings: {recorded}.", markup=False)
    for problem in report.problems:
        errors.print(f"hatif: {problem}", style="yellow", markup=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(1)


def _build_in_background(parts: Composition) -> None:
    configure(parts.site.node, parts.settings.log, parts.settings.log_level)
    pid_lock.hold(parts.settings.run, "voices")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the voice's process and files go as well
    try:
        stays = work()
    except OSError as error:
        # A write to a full disk does not name the file.
        place = error.filename or parts.settings.clips
        sentence = f"hatif: {place} could not be written ({error.strerror}); start again when it can"
        errors.print(sentence, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    for language, reason in stays.items():
        console.print(f"{language} keeps its quick voice: {reason}.", style="yellow", markup=False, soft_wrap=True)
    console.print("Nothing is left to do.")


def list_prompts(json: bool = JSON) -> None:
    """List every prompt in every language: text, file, and the source of its audio."""
    parts = Composition()
    audio = manifest.load(parts.settings.sounds / manifest.FILE)
    rows = [
        {"id": prompt, "language": language, "text": clip.text, "file": clip.file, "source": clip.source}
        for language, prompts in audio.prompts.items()
        for prompt, clip in prompts.items()
    ]
    if json:
        as_json(rows)
    else:
        columns = ("id", "language", "source", "text")
        as_table("Prompts", columns, ([row[column] for column in columns] for row in rows))


def status(json: bool = JSON) -> None:
    """Count texts by language: translated, recorded, synthesised, stale, missing, names; list the voices in use."""
    parts = Composition()
    texts = catalogue.load(parts.settings.site)
    audio = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    off = [language for language in parts.site.recorded_only if language not in parts.site.languages]
    languages = (*parts.site.languages, *off)
    rows = list(language_statuses(languages, texts, audio, parts.voices, parts.site.recorded_only))
    slow = _slow_statuses(parts, texts, audio)
    if json:
        made = {row.language: asdict(row) for row in slow}
        as_json([asdict(row) | {"on": row.language not in off, "slow": made.get(row.language)} for row in rows])
        return
    counts = ("texts", "translated", "recorded", "synthesised", "stale", "missing", "names")
    columns = ("language", "state", *counts, "voices")
    as_table("Prompts", columns, (_cells(row, on=row.language not in off) for row in rows))
    if slow:
        console.print()
        as_table("Slow voices", ("language", "voice", "made", "state", "left"), map(_slow_cells, slow))
    having: dict[str, list[str]] = {}  # languages, by what is to be said of them
    for language, problem in [(row.language, row.problem) for row in rows] + [(row.language, row.why) for row in slow]:
        if problem:
            having.setdefault(problem, []).append(language)
    for problem, codes in having.items():
        errors.print(f"hatif: {', '.join(codes)}: {problem}", style="yellow", markup=False, soft_wrap=True)


def _slow_statuses(parts: Composition, texts: Catalogues, heard: manifest.Manifest) -> list[SlowStatus]:
    store, made = ClipStore(parts.settings.clips), progress.read(parts.settings.voice_progress)
    return list(slow_statuses(wanted_clips(parts, texts), heard, store, made))


def _slow_cells(row: SlowStatus) -> tuple[object, ...]:
    left = None if row.left_s is None else f"about {max(1, round(row.left_s / 60))} min"
    return row.language, row.voice, f"{row.made} of {row.of}", row.state, left


def _cells(row: LanguageStatus, *, on: bool) -> tuple[object, ...]:
    state = "on" if on else f"off: {row.recorded} of {row.texts} recorded"
    several = len(row.voices) > 1
    voices = [
        used.voice + (f" ({used.prompts})" if several else "") + (f" since {used.since:%Y-%m-%d}" if used.since else "")
        for used in row.voices
    ]
    counts = (row.texts, row.translated, row.recorded, row.synthesised, row.stale, row.missing, row.names)
    return (row.language, state, *counts, ", ".join(voices) or "-")


def say(
    text: str = typer.Argument(help="The text to speak."),
    language: str = typer.Option(..., "--language", help="The code of a language of the site."),
    out: Path = typer.Option(..., "--out", help="The WAV file to write."),
) -> None:
    """Speak a text in the site's voice into a WAV file."""
    seconds = speak(text, language, out, voice=voices.voice_for(Composition(), language))
    console.print(f"{out}: {seconds:.1f} s", markup=False)


def listen(
    language: str = typer.Option(..., "--language", help="The code of a language of the site."),
    out: Path = typer.Option(..., "--out", help="The folder for the page and its audio; it is created.", metavar="DIR"),
    text: list[str] = typer.Option(
        [], "--text", help="The id of a text; may be repeated.  [default: twelve sentences with many different sounds]"
    ),
) -> None:
    """Write a page with twelve spoken sentences, as by telephone, and a form for a native speaker's judgement."""
    parts = Composition()
    voice = voice_for(parts, language)
    with Bar() as bar:
        bar.step("Sentences")
        listening.make(
            catalogue.load(parts.settings.site),
            language,
            out,
            voice=voice,
            ids=text,
            progress=lambda done, total, _: bar.update(done, total),
        )
    console.print(f"Open {out / listening.PAGE} in a browser.", markup=False)


def update() -> None:
    """Bring new, changed and deleted texts of the site's files into the catalogues of all languages.

    A text whose English has changed gets the most similar old translation, marked fuzzy: it is not spoken until
    `hatif prompts release`.
    """
    done = list(update_catalogues(Composition(bound=False).settings.site))
    for changed in done:
        counts = f"{changed.added} new, {changed.removed} removed, {changed.fuzzy} marked fuzzy"
        console.print(f"{changed.language}: {counts}.", markup=False)
    if not done:
        console.print("The catalogues have all texts already.")
