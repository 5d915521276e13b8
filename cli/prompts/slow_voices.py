"""The slow voices of a site: what they are to say, whether a language may switch, and the work in the background."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from cli.composition import Composition, ControlError
from cli.prompts.build_prompts import build_all, spoken
from ivr.home.credentials import CredentialsError
from ivr.site.findings import SiteError
from ivr.trial.voice_limits import limits_broken
from prompts import catalogue, manifest, progress
from prompts.audio import AudioError
from prompts.background import Background
from prompts.catalogue import Catalogues
from prompts.clip_store import ClipStore
from prompts.manifest import Audio, Manifest
from prompts.progress import Doing, Progress
from prompts.prompt_list import list_prompts
from prompts.slow_voices import SlowClip, SlowClips, slow_clips
from prompts.sources import CatalogueError
from prompts.spare_time import lower_priority
from prompts.voices import kokoro
from prompts.voices.kokoro import download
from prompts.voices.kokoro.weights import WeightsError

_NOTE_EACH = 20
"""Prompts from one note of the progress to the next; a quick voice speaks so many in about a second."""

AGAIN_S = 10.0
"""Seconds after which a site that is not in order is read again."""

log = structlog.get_logger()


def wanted_clips(parts: Composition, texts: Catalogues | None = None) -> SlowClips:
    """Return what slow voices are to say, in the site's order of languages: the most frequent callers' first.

    Raises SiteError and CatalogueError. `texts`: the site's, if they are loaded already.
    """
    folder = parts.settings.site
    texts = texts or catalogue.load(folder)
    prompts = list_prompts(texts, **spoken(parts, texts))
    clips = slow_clips(prompts, parts.voices, folder / "recordings")
    return {language: clips[language] for language in parts.site.languages if language in clips}


def work() -> Mapping[str, str]:
    """Make everything at the lowest priority; return the languages that keep their quick voice, with the reasons.

    What callers do not hear at all comes first. Raises ControlError without any audio yet, and OSError if the clips
    cannot be written.
    """
    lower_priority()
    parts = Composition()
    require_audio(parts)

    def note(made: Progress) -> None:
        with suppress(OSError):  # a full disk: only the clips matter
            progress.write(parts.settings.voice_progress, made)

    if manifest.is_left(parts.settings.sounds):
        _speak_first(parts, note)
    stays = _fetch(parts, note)
    store = ClipStore(parts.settings.clips)
    return Background(store, _load, _switch_logged, note, partial(_calls_are_up, parts), stays).run()


def _speak_first(parts: Composition, note: Callable[[Progress], None]) -> None:
    """Have quick voices speak what callers do not hear at all yet."""

    def count(done: int, of: int, _: str) -> None:
        if done % _NOTE_EACH == 0:
            note(Progress(Doing.QUICK, done=done, of=of))

    log.info("Quick voices speak what has no audio yet")
    for problem in build_all(parts, count).problems:
        log.warning("A prompt has a problem", problem=str(problem))


def require_audio(parts: Composition) -> None:
    """Raise ControlError where callers hear nothing yet: without menus, a voice's limits cannot be measured."""
    if not manifest.load_if_any(parts.settings.sounds / manifest.FILE).prompts:
        raise ControlError("There is no audio yet: run `hatif prompts build`, then try again.")


def _calls_are_up(parts: Composition) -> bool:
    try:
        return bool(parts.ask_controller("GET", "/calls"))
    # There is no line, or it is just starting; or somebody is editing the site.
    except (ControlError, CredentialsError, SiteError):
        return False


def _fetch(parts: Composition, note: Callable[[Progress], None]) -> dict[str, str]:
    """Get the models of voices that are not installed; return the languages that go without, with the reason."""
    voices = parts.voices
    wanted = [language for language in voices.missing if voices.named[language] == kokoro.NAME]
    if not wanted:
        return {}
    try:
        download.install(
            parts.settings.voices / kokoro.NAME, lambda done, of: note(Progress(Doing.FETCHING, done=done, of=of))
        )
    except WeightsError as error:
        log.warning("A voice's model cannot be had; the quick voices speak", voice=kokoro.NAME, error=str(error))
        return dict.fromkeys(wanted, str(error))
    return {}


def switch(parts: Composition, language: str, clips: Mapping[Any, SlowClip]) -> Sequence[str]:
    """Give a language its slow voice if callers' limits hold with it; return the limits that it breaks.

    Raises SiteError, CatalogueError and OSError.
    """
    store = ClipStore(parts.settings.clips)
    new, paths = {}, {}
    for key, clip in clips.items():
        if (seconds := store.seconds(clip.name)) is None:
            return [f"{clip.prompt.language}/{clip.prompt.id} is not there any more"]
        new[key] = Audio(clip.file, clip.prompt.text, clip.voice.source, seconds)
        paths[clip.file] = store.paths(clip.name)[0]
    before = manifest.load_if_any(parts.settings.sounds / manifest.FILE)
    try:
        broken = list(limits_broken(language, new, paths, before, parts.settings.site, parts.site))
    except AudioError as error:
        broken = [str(error)]
    if broken:
        return broken
    report = build_all(parts, lambda done, total, prompt: None, [language])
    for problem in report.problems:
        log.warning("A prompt has a problem", problem=str(problem))
    return []


def _load() -> tuple[SlowClips, Manifest]:
    """Read the site as it is now; wait while it is not in order, as somebody may be editing it."""
    while True:
        parts = Composition()
        try:
            return wanted_clips(parts), manifest.load_if_any(parts.settings.sounds / manifest.FILE)
        except (SiteError, CatalogueError) as error:
            log.warning("The site is not in order; the slow voices wait", error=str(error))
            time.sleep(AGAIN_S)


def _switch_logged(language: str) -> Sequence[str]:
    parts = Composition()
    clips = wanted_clips(parts).get(language)
    if clips is None:  # the site has just changed
        return ["it has another voice now"]
    source = parts.voices.voices[language].source
    reasons = switch(parts, language, clips)
    if reasons:
        log.warning("A language keeps its quick voice", language=language, voice=source, reasons="; ".join(reasons))
    else:
        log.info("A language has its voice; new calls hear it", language=language, voice=source)
    return reasons
