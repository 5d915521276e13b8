"""Findings of `hatif check` about audio: missing, broken and outdated prompts."""

from collections.abc import Iterator
from pathlib import Path

from ivr.site.findings import Finding, count_and_name
from ivr.site.site import Site
from prompts import manifest, recorded
from prompts.catalogue import Catalogues
from prompts.manifest import Manifest, ManifestError
from prompts.prompt_states import State, prompt_states

_BUILD = "run `hatif prompts build`"
_RECORD = "record them again, re-import the recording if it speaks the new text, or remove it so that a voice speaks"


def audio_findings(texts: Catalogues, sounds: Path, folder: Path, site: Site) -> Iterator[Finding]:
    """Yield findings about the languages that callers can choose, and about recordings-only languages."""
    path = sounds / manifest.FILE
    heard = Manifest({})
    try:
        heard = manifest.load(path)
    except ManifestError as error:
        yield Finding.from_message("E_AUDIO_LIST" if path.exists() else "E_AUDIO_MISSING", str(error))
    off = recorded.problems(texts, heard, folder / "recordings", site.languages, site.recorded_only)
    for problem in off:
        found = f"{problem.id}: {problem.found}"
        yield Finding(problem.code, str(problem.file), problem.line, found, problem.remedy)
    for language in site.languages if heard.prompts else ():
        yield from _language_findings(language, texts, heard, sounds, voiceless=language in site.recorded_only)


def _language_findings(
    language: str, texts: Catalogues, heard: Manifest, sounds: Path, *, voiceless: bool
) -> Iterator[Finding]:
    """Yield findings about one language; a missing text is reported as a text, not as audio."""
    by_state: dict[State, list[str]] = {}
    for row in prompt_states(texts, heard, [language], sounds):
        for state in row.states if not row.is_name else ():
            if row.is_released or state is State.BROKEN:  # a missing text is not the audio's fault
                by_state.setdefault(state, []).append(row.id)
    missing = by_state.get(State.MISSING, []) if not voiceless else []
    broken, stale = by_state.get(State.BROKEN), by_state.get(State.STALE)
    old = by_state.get(State.RECORDING_OLD)
    path, of = str(sounds / manifest.FILE), f"of {len(texts.ids)} texts in {language}"
    if missing:
        yield Finding("E_AUDIO_MISSING", path, 1, f"{count_and_name(missing)} {of} have no audio", _BUILD)
    if broken:
        yield Finding(
            "E_AUDIO_BROKEN", path, 1, f"the audio of {count_and_name(broken)} {of} is missing or truncated", _BUILD
        )
    if stale:
        yield Finding(
            "W_AUDIO_STALE", path, 1, f"{count_and_name(stale)} {of} still have the audio of an earlier text", _BUILD
        )
    if old:
        found = f"{count_and_name(old)} {of} have changed since they were recorded"
        yield Finding("W_RECORDING_OLD", path, 1, found, _RECORD)
