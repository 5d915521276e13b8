"""The state of every prompt in every language: what is missing, and what is old. Checks, counts and pages use this."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from prompts import files
from prompts.build_report import BuildProblem
from prompts.catalogue import Catalogues
from prompts.manifest import RECORDING, Audio, Manifest


class State(StrEnum):
    """Why a prompt needs somebody."""

    UNTRANSLATED = "untranslated"
    DRAFT = "draft"  # machine-made or outdated: not released
    FAULTY = "faulty"  # the text has an error: no voice may speak it
    FAILED = "failed"  # the last build could not make it
    MISSING = "missing"  # there is no audio
    BROKEN = "broken"  # the audio's file is missing or truncated
    RECORDING_OLD = "recording_old"  # recorded, and the text has changed since
    STALE = "stale"  # a voice speaks an earlier text


@dataclass(frozen=True, slots=True)
class PromptState:
    """One prompt in one language.

    `text`: as it is to be spoken, else the draft, else empty; `is_name`: an operator's name, which is no text;
    `why`: what is wrong with the text or with its build.
    """

    language: str
    id: str
    text: str
    audio: Audio | None
    states: tuple[State, ...]
    is_name: bool = False
    why: str = ""

    @property
    def is_released(self) -> bool:
        """Whether the text is complete and a person has released it."""
        return not {State.UNTRANSLATED, State.DRAFT}.intersection(self.states)


def prompt_states(
    texts: Catalogues,
    heard: Manifest,
    languages: Iterable[str],
    sounds: Path | None = None,
    *,
    faults: Mapping[tuple[str, str], str] | None = None,
    failed: Collection[BuildProblem] = (),
) -> Iterator[PromptState]:
    """Yield the state of each prompt, by language and in the order of the texts, then of the names.

    Args:
        sounds: The folder of audio, whose files are looked at; without it, none is `BROKEN`.
        faults: What is wrong with texts (`text_faults`).
        failed: The problems of the last build.
    """
    problems = {(problem.language, problem.id): problem.found for problem in failed}
    known = set(texts.ids)
    for language in languages:
        for prompt in texts.ids:
            key = language, prompt
            audio, text = heard.audio(language, prompt), texts.text(language, prompt)
            entry = texts.entry(language, prompt)
            fault, problem = (faults or {}).get(key, ""), problems.get(key, "")
            states = [State.DRAFT if entry is not None and entry.text else State.UNTRANSLATED] if text is None else []
            states += [State.FAULTY] if fault and text is not None else []
            states += [State.FAILED] if problem and not fault else []
            states += _audio_states(audio, text, sounds)
            written = text or (entry.text if entry is not None else "")
            yield PromptState(language, prompt, written, audio, tuple(states), why=fault or problem)
        for prompt, audio in heard.prompts.get(language, {}).items():
            if prompt not in known:
                problem = problems.get((language, prompt), "")
                states = [*([State.FAILED] if problem else []), *_audio_states(audio, audio.text, sounds)]
                yield PromptState(language, prompt, audio.text, audio, tuple(states), True, problem)


def text_faults(texts: Catalogues) -> Mapping[tuple[str, str], str]:
    """Return what is wrong with the texts that no voice may speak, by language and id."""
    return {
        (problem.language, problem.id): f"{problem.found} ({problem.code})"
        for problem in texts.problems()
        if problem.code.startswith("E_")
    }


def _audio_states(audio: Audio | None, text: str | None, sounds: Path | None) -> list[State]:
    if audio is None:
        return [State.MISSING]
    if sounds is not None and files.seconds_of(sounds, audio.file) != audio.seconds:
        return [State.BROKEN]
    if audio.text != text:
        return [State.RECORDING_OLD if audio.source == RECORDING else State.STALE]
    return []
