"""`hatif prompts export`, and `hatif prompts import` of what it wrote: finished clips of slow voices."""

from pathlib import Path

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import as_json, console, errors
from prompts import manifest

# Imports in functions: catalogues and voices take a while to load.


def register(prompts: typer.Typer) -> None:
    prompts.command()(export)


def export(
    file: Path = typer.Argument(help="The archive to write, such as voices.tar."),
    language: str = typer.Option(None, "--language", help="Only what the voice of this language has spoken."),
) -> None:
    """Write what slow voices have spoken of the site's present texts into a file, for `hatif prompts import`."""
    from ivr.cli.prompts.slow_voices import wanted_clips
    from prompts import clip_archive
    from prompts.clip_archive import ClipArchiveError
    from prompts.clip_store import ClipStore

    parts = Composition()
    wanted = wanted_clips(parts)
    if language is not None and language not in wanted:
        have = ", ".join(wanted) or "none"
        raise ClipArchiveError(f"{language!r} has no slow voice here; the languages that have one: {have}.")
    clips = [clip.name for code, of in wanted.items() if language in (None, code) for clip in of.values()]
    count = clip_archive.export(ClipStore(parts.settings.clips), clips, file)
    missing = len(set(clips)) - count
    more = f"; {missing} are not spoken yet" if missing else ""
    console.print(f"{file}: {count} clips, {file.stat().st_size / 1e6:.0f} MB{more}", markup=False)


def import_set(parts: Composition, file: Path, *, json: bool) -> None:
    """Take what an archive has for this site; languages that are whole get their voice. Print the result."""
    from ivr.cli.prompts.slow_voices import switch, wanted_clips
    from prompts import clip_archive
    from prompts.background import pending
    from prompts.clip_store import ClipStore

    wanted, store = wanted_clips(parts), ClipStore(parts.settings.clips)
    taken = clip_archive.take(store, file, {clip.name for of in wanted.values() for clip in of.values()})
    heard = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    reasons: dict[str, str | None] = {}
    for language, clips in wanted.items():
        if pending(clips, heard):
            lacking = sum(store.seconds(clip.name) is None for clip in clips.values())
            broken = [f"{lacking} of {len(clips)} clips are missing"] if lacking else switch(parts, language, clips)
            reasons[language] = "; ".join(broken) or None
    if json:
        as_json({"new": taken.new, "known": taken.known, "foreign": taken.foreign, "languages": reasons})
        return
    console.print(f"{taken.new} clips are new, {taken.known} were here, {taken.foreign} are of other texts or voices.")
    for language, reason in reasons.items():
        if reason is None:
            console.print(f"{language} has its voice; new calls hear it.")
        else:
            sentence = f"{language} keeps its quick voice: {reason}."
            errors.print(sentence, style="yellow", markup=False, soft_wrap=True)
