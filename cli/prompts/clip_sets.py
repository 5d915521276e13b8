"""`hatif prompts export`, and `hatif prompts import` of what it wrote: finished clips of slow voices."""

from collections.abc import Iterator
from pathlib import Path

import typer

from cli.composition import Composition
from cli.output import as_json, console, errors
from cli.prompts.slow_voices import require_audio, switch, wanted_clips
from prompts import clip_archive, manifest
from prompts.background import pending
from prompts.clip_archive import ClipArchiveError
from prompts.clip_store import ClipStore
from prompts.voices.choice import Choice, is_slow


def register(prompts: typer.Typer) -> None:
    prompts.command()(export)


def export(
    file: Path = typer.Argument(help="The archive to write, such as voices.tar."),
    language: str = typer.Option(None, "--language", help="Only what the voice of this language has spoken."),
) -> None:
    """Write what slow voices have spoken of the site's present texts into a file, for `hatif prompts import`."""
    parts = Composition()
    wanted = wanted_clips(parts)
    if language is not None and language not in wanted:
        have = ", ".join(wanted) or "none"
        raise ClipArchiveError(f"{language!r} has no slow voice here; the languages that have one: {have}.")
    clips = [clip.name for code, of in wanted.items() if language in (None, code) for clip in of.values()]
    try:
        count = clip_archive.export(ClipStore(parts.settings.clips), clips, file)
    except OSError as error:
        remedy = "choose another place, or make room"
        raise ClipArchiveError(f"{file} could not be written ({error.strerror}); {remedy}.") from None
    missing = len(set(clips)) - count
    more = f"; {missing} are not spoken yet" if missing else ""
    console.print(f"{file}: {count} clips, {file.stat().st_size / 1e6:.0f} MB{more}", markup=False)


def import_set(parts: Composition, file: Path, *, json: bool) -> None:
    """Take what an archive has for this site; languages that are whole get their voice. Print the result."""
    require_audio(parts)
    wanted, store = wanted_clips(parts), ClipStore(parts.settings.clips)
    try:
        taken = clip_archive.take(store, file, {clip.name for of in wanted.values() for clip in of.values()})
    except OSError as error:
        place = error.filename or store.folder
        raise ClipArchiveError(f"{place} could not be read or written ({error.strerror}); import it again.") from None
    heard = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    reasons: dict[str, str | None] = dict(_absent_voices(parts.voices, heard))
    for language, clips in wanted.items():
        if pending(clips, heard):
            lacking = sum(store.seconds(clip.name) is None for clip in clips.values())
            broken = [f"{lacking} of {len(clips)} clips are missing"] if lacking else switch(parts, language, clips)
            reasons[language] = "; ".join(broken) or None
    if json:
        as_json({"new": taken.new, "known": taken.known, "foreign": taken.foreign, "languages": reasons})
        return
    console.print(f"{taken.new} clips are new, {taken.known} were here, {taken.foreign} are of other texts or voices.")
    for reason in dict.fromkeys(reasons.values()):
        languages = ", ".join(language for language in reasons if reasons[language] == reason)
        if reason is None:
            console.print(f"New calls in {languages} hear the slow voice.")
        else:
            sentence = f"hatif: {languages}: the quick voice stays: {reason}"
            errors.print(sentence, style="yellow", markup=False, soft_wrap=True)


def _absent_voices(chosen: Choice, heard: manifest.Manifest) -> Iterator[tuple[str, str]]:
    """Yield each language whose slow voice is not installed and not heard yet, with the reason: no clip is wanted."""
    for language, reason in chosen.missing.items():
        name = chosen.named[language]
        if is_slow(name) and all(clip.source != name for clip in heard.prompts.get(language, {}).values()):
            yield language, f"{name}: {reason}"
