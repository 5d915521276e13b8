"""Build the audio of all prompts, for several commands."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.cli.composition import Composition
from ivr.cli.output import errors

if TYPE_CHECKING:
    from prompts.build import BuildReport


def build_all(parts: Composition, progress: Callable[[int, int, str], None]) -> "BuildReport":
    """Update all audio from texts, operators' names and recordings; remove files that no version uses.

    `progress`: called with the number done, the total, and the prompt.
    """
    from ivr.audio.names import names
    from ivr.site.findings import SiteError
    from ivr.talk.whisper import is_brisk
    from prompts import catalogue, manifest
    from prompts.build import build as build_prompts

    try:
        spoken = names(parts.operators, parts.site)
    except SiteError as error:  # their numbers are spoken instead
        errors.print(f"hatif: operators' names are not spoken: {error}", style="yellow", markup=False, soft_wrap=True)
        spoken = ()
    folder, sounds = parts.settings.site, parts.settings.sounds
    texts = catalogue.load(folder)
    report = build_prompts(
        texts,
        sounds,
        folder / "recordings",
        progress,
        names=spoken,
        brisk={text for text in texts.ids if is_brisk(text)},
        recorded_only=parts.site.recorded_only,
        chosen=parts.voices,
    )
    try:
        manifest.prune(sounds, keep=manifest.files_of_versions(parts.settings.versions))
    except manifest.ManifestError as error:
        errors.print(f"hatif: {error}", style="yellow", markup=False, soft_wrap=True)
    return report
