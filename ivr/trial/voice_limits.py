"""The limits of a voice: what callers of a site would have to sit through with it, before they hear it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog

from ivr.audio.spoken import dictated_clips
from ivr.site.site import Site
from ivr.trial import caller_figures
from ivr.trial.caller_figures import Figure
from ivr.trial.ground import GroundError, make_ground
from ivr.trial.sounds import AssumedAudio
from prompts.loudness_summary import Clip, summarise
from prompts.manifest import LONG_PAUSE_S, Audio, Manifest
from prompts.measure import measure
from prompts.prompt_list import Key

DIGITS_S = 8.0
"""Seconds that nine digits with their pauses may take, on average."""
_NINE = [(2 * "0123456789")[start : start + 9] for start in range(10)]
"""Numbers in which each digit stands nine times in all."""

log = structlog.get_logger()


def limits_broken(
    language: str, new: Mapping[Key, Audio], paths: Mapping[str, Path], before: Manifest, folder: Path, site: Site
) -> Iterator[str]:
    """Yield each limit that a language breaks with new audio, unless its present audio breaks it as much.

    Args:
        new: The audio that replaces the present one.
        paths: The files of the new audio at 8 kHz, by the name in the manifest.
        before: The present audio.
        folder: The site's folder.

    Raises:
        OSError, AudioError: A file cannot be read.
        SiteError, CatalogueError: The site cannot be read.
    """
    prompts = {code: dict(of) for code, of in before.prompts.items()}
    for (code, prompt), audio in new.items():
        prompts.setdefault(code, {})[prompt] = audio
    after = Manifest(prompts)
    yield from _long_texts(new, before, site.longest_text_s)
    yield from _slow_digits(language, after, before)
    yield from _loudness(language, new, paths)
    yield from _caller_figures(after, before, folder)


def _long_texts(new: Mapping[Key, Audio], before: Manifest, longest_s: float) -> Iterator[str]:
    for key, audio in new.items():
        if _worse(audio.seconds, before.seconds(*key) or 0.0, longest_s):
            yield f"{key[1]} lasts {audio.seconds:.1f} s; longest_text_s is {longest_s:g}"


def _slow_digits(language: str, after: Manifest, before: Manifest) -> Iterator[str]:
    new, old = _digits_s(language, after), _digits_s(language, before)
    if _worse(new, old, DIGITS_S):
        yield f"nine digits take {new:.1f} s; they may take {DIGITS_S:g}"


def _digits_s(language: str, sounds: Manifest) -> float:
    """Return how long nine digits take on average, up to the last one; 0 if they have no audio."""
    audible = AssumedAudio(Path(), lambda _: ())
    spoken = [audible.media(sounds, dictated_clips(language, number)).seconds - LONG_PAUSE_S for number in _NINE]
    return sum(spoken) / len(spoken)


def _loudness(language: str, new: Mapping[Key, Audio], paths: Mapping[str, Path]) -> Iterator[str]:
    clips = [Clip(prompt, audio.file, measure(paths[audio.file])) for (_, prompt), audio in new.items()]
    source = next((audio.source for audio in new.values()), "")
    if clips:
        yield from (fault.partition(": ")[2] for fault in summarise(language, source, clips, paths.__getitem__).faults)


def _caller_figures(after: Manifest, before: Manifest, folder: Path) -> Iterator[str]:
    try:
        new = caller_figures.measure(make_ground(folder, after))
        if all(figure.kept(language) for figure in new for language in figure.values):
            return
        old = caller_figures.measure(make_ground(folder, before))
    except GroundError as error:  # one language, say: there is no menu to measure
        log.warning("How long callers listen cannot be measured for this site", reason=str(error))
        return
    # Of all languages: a menu has options in several.
    for figure, former in zip(new, old, strict=True):
        yield from _broken(figure, former)


def _broken(figure: Figure, former: Figure) -> Iterator[str]:
    broken = {
        language: value
        for language, value in figure.values.items()
        if not figure.kept(language) and (former.kept(language) or (value or 0.0) > (former.values[language] or 0.0))
    }
    if broken:
        languages = "all languages" if broken.keys() == figure.values.keys() else ", ".join(broken)
        lasts = "never ends" if None in broken.values() else f"takes {max(filter(None, broken.values())):.1f} s"
        yield f"{figure.name} ({languages}) {lasts}; wanted are {figure.wanted:g}"


def _worse(new: float, old: float, limit: float) -> bool:
    """Return whether a figure breaks a limit, and more than it does now."""
    return round(new, 1) > limit and (round(old, 1) <= limit or new > old)
