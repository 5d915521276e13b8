"""Build the audio of all prompts, for several commands."""

from collections.abc import Callable, Collection
from typing import Any

from cli.composition import Composition
from cli.output import errors
from ivr.audio.names import names
from ivr.site import training
from ivr.site.findings import SiteError
from ivr.talk.whisper import is_brisk
from prompts import catalogue, manifest, sources, spoken_words, training_audio
from prompts.build import BuildReport
from prompts.build import build as build_prompts
from prompts.catalogue import Catalogues
from prompts.clip_store import ClipStore


def build_all(
    parts: Composition,
    progress: Callable[[int, int, str], None],
    switched: Collection[str] = (),
    *,
    guide_later: bool = False,
) -> BuildReport:
    """Update all audio from texts, operators' names and recordings; remove files that no version uses.

    Args:
        progress: Called with the number done, the total, and the prompt.
        switched: Languages that get their slow voice now.
        guide_later: Leave out what callers hear of the guide's procedures where there is no audio of it yet, but in
            English.
    """
    folder, sounds = parts.settings.site, parts.settings.sounds
    texts = catalogue.load(folder)
    report = build_prompts(
        texts,
        sounds,
        folder / "recordings",
        progress,
        **spoken(parts, texts),
        later=sources.guide_steps(sources.load(folder)) if guide_later else (),
        chosen=parts.voices,
        clips=ClipStore(parts.settings.clips),
        switched=switched,
    )
    spoken_words.write(texts.words, sounds)
    trained = training_audio.build(
        (sentence for script in training.load(folder, parts.site).values() for sentence in script.sentences),
        parts.settings.training_sounds,
        chosen=parts.voices,
    )
    for problem in trained.problems:
        errors.print(f"hatif: a scripted caller: {problem}", style="yellow", markup=False, soft_wrap=True)
    try:
        manifest.prune(sounds, keep=manifest.files_of_versions(parts.settings.versions))
    except manifest.ManifestError as error:
        errors.print(f"hatif: {error}", style="yellow", markup=False, soft_wrap=True)
    return report


def spoken(parts: Composition, texts: Catalogues) -> dict[str, Any]:
    """Return what is spoken besides the texts, and how, as `prompts.prompt_list` and `prompts.build` take it."""
    try:
        people = names(parts.operators, parts.site)
    except SiteError as error:  # their numbers are spoken instead
        errors.print(f"hatif: operators' names are not spoken: {error}", style="yellow", markup=False, soft_wrap=True)
        people = ()
    brisk = {text for text in texts.ids if is_brisk(text)}
    return {"names": people, "brisk": brisk, "recorded_only": parts.site.recorded_only}
