"""Build the audio of all prompts: from a recording if there is one, else with the language's voice.

A file's name contains the hash of everything that affects its sound (text, voice, settings, versions; a recording's
bytes), so only changed prompts are rebuilt, and a file that a call may be playing is never overwritten. The manifest is
replaced last.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from operator import attrgetter
from pathlib import Path

from prompts import audio, files, manifest, readings
from prompts.audio import AudioError
from prompts.catalogue import Catalogues
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.names import Name
from prompts.voices import VOICES, Voice, voice_of
from prompts.voices.choice import TABLE, Choice
from prompts.voices.process import VoiceError, VoicePool

FORMAT_VERSION = 3
"""Increase it when `audio.py`, `g711.py` or a voice's own code changes how a prompt sounds."""
TIME_LIMIT = 20.0
"""Time limit for a voice to speak one text, in seconds; the slowest takes 1.3 s for 2,000 letters."""

Progress = Callable[[int, int, str], None]
"""Called after each prompt: how many are done, of how many, and which one (`fr/welcome`)."""


@dataclass(frozen=True, slots=True)
class BuildProblem:
    """A problem with one prompt; the others are built nevertheless."""

    language: str
    id: str  # empty if the problem is with the language's voice
    found: str
    instead: str  # what callers hear now

    def __str__(self) -> str:
        return f"{self.language}{'/' if self.id else ''}{self.id}: {self.found}; {self.instead}"


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """How many texts of a recordings-only language are recorded."""

    language: str
    recorded: int
    texts: int

    def __str__(self) -> str:
        return f"{self.recorded} of {self.texts} recorded"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The result of a build: counts of prompts, problems, and the duration in seconds."""

    made: int
    kept: int
    problems: tuple[BuildProblem, ...]
    recorded: tuple[RecordingProgress, ...]
    seconds: float


def build(
    catalogues: Catalogues,
    out: Path,
    recordings: Path,
    progress: Progress = lambda done, total, prompt: None,
    *,
    names: Iterable[Name] = (),
    brisk: Collection[str] = (),
    recorded_only: Collection[str] = (),
    voices: Mapping[str, Voice] = VOICES,
    chosen: Choice = TABLE,
    time_limit: float = TIME_LIMIT,
) -> BuildReport:
    """Update `out`, the folder of sounds, from the texts and from `recordings/<language>/<id>.wav`.

    A problem with one prompt is in the report, and its old audio stays in use. A second builder of the same folder
    waits for the first.

    Args:
        names: Prompts besides the texts; a name with the id of a text, or in a language without texts, is ignored.
        brisk: The ids of texts that a voice speaks fast.
        recorded_only: Languages that no voice may speak; a prompt without a recording has no audio and is not reported.
        chosen: The voices that the site configured; `voices` speak the other languages.

    Raises:
        OSError: `out` cannot be written at all.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with manifest.locked(out):
        old = manifest.load_if_any(out / manifest.FILE)  # a broken one is rewritten
        with VoicePool(time_limit) as pool:
            builder = _Builder(catalogues, names, brisk, out, recordings, recorded_only, voices, chosen, old, pool)
            results = builder.run(progress)
        heard: dict[str, dict[str, Audio]] = {language: {} for language in catalogues.languages}
        for (language, prompt), result in results.items():
            if result.audio:
                heard[language][prompt] = result.audio
        files.write_pauses(out)
        files.write_beep(out)
        _publish(out, old, Manifest(heard))
    problems = [problem for result in results.values() for problem in result.problems]
    return BuildReport(
        made=sum(result.made for result in results.values()),
        kept=sum(result.audio is not None and not result.made for result in results.values()),
        problems=(*_missing_voices(catalogues, chosen, voices, heard), *problems, *_strays(results.keys(), recordings)),
        recorded=tuple(
            RecordingProgress(language, len(heard[language].keys() & set(catalogues.ids)), len(catalogues.ids))
            for language in catalogues.languages
            if language in recorded_only
        ),
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A possible origin of a prompt's audio."""

    name: str  # for error messages
    source: str  # in the manifest
    file: str  # in the manifest; it changes with everything that affects the sound
    make_sound: Callable[[], audio.Sound]
    text: str  # the text that it speaks


@dataclass(frozen=True, slots=True)
class _Result:
    audio: Audio | None
    made: bool
    problems: tuple[BuildProblem, ...]


class _Builder:
    """One build; everything but `run` is called from several threads."""

    def __init__(
        self,
        catalogues: Catalogues,
        names: Iterable[Name],
        brisk: Collection[str],
        out: Path,
        recordings: Path,
        recorded_only: Collection[str],
        voices: Mapping[str, Voice],
        chosen: Choice,
        old: Manifest,
        pool: VoicePool,
    ) -> None:
        self.catalogues, self.brisk, self.out, self.recordings = catalogues, brisk, out, recordings
        self.recorded_only, self.voices, self.chosen, self.old, self.pool = recorded_only, voices, chosen, old, pool
        self.readings = {language: readings.load(recordings / language) for language in catalogues.languages}
        texts = set(catalogues.ids)
        self.names = {
            (name.language, name.id): name
            for name in names
            if name.language in catalogues.languages and name.id not in texts
        }
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.fingerprint = cache(attrgetter("fingerprint"))  # it looks up the versions of packages
        self.unspeakable = {
            (problem.language, problem.id): f"{problem.found} ({problem.code})"
            for problem in catalogues.problems()
            if problem.code.startswith("E_")
        } | {key: wrong for key, name in self.names.items() if (wrong := name.unspeakable)}

    def run(self, progress: Progress) -> dict[tuple[str, str], _Result]:
        prompts = [(language, prompt) for language in self.catalogues.languages for prompt in self.catalogues.ids]
        prompts += self.names
        results = {}
        # The threads wait for the voices' processes: one for each processor available to us.
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            futures = {threads.submit(self._one, *prompt): prompt for prompt in prompts}
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    results[futures[future]] = future.result()
                    progress(done, len(prompts), "/".join(futures[future]))
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return {prompt: results[prompt] for prompt in prompts}

    def _one(self, language: str, prompt: str) -> _Result:
        name = self.names.get((language, prompt))
        text, reader = (name.text, name.reader) if name else (self.catalogues.text(language, prompt) or "", language)
        voiceless = reader is None or reader in self.recorded_only
        unspeakable = None if voiceless else self.unspeakable.get((language, prompt))
        failures = [unspeakable] if unspeakable else []
        for candidate in self._candidates(language, prompt, text, None if voiceless or unspeakable else reader):
            try:
                seconds, made = self._make(candidate)
            except (AudioError, VoiceError) as error:
                failures.append(f"{candidate.name} {error}")
            except OSError as error:
                failures.append(f"{candidate.name} could not be read or written ({error.strerror})")
            else:
                since = self._since(language, prompt, candidate.file)
                clip = Audio(candidate.file, candidate.text, candidate.source, seconds, since)
                return _Result(clip, made, _problems(language, prompt, failures, f"the {candidate.source} is used"))
        old = self.old.audio(language, prompt)
        if old and files.seconds_of(self.out, old.file) is None:
            old = None
        if voiceless and old and (old.source != RECORDING or not failures):
            old = None
        instead = "the old audio stays in use" if old else "there is no audio for it"
        return _Result(old, False, _problems(language, prompt, failures, instead))

    def _candidates(self, language: str, prompt: str, text: str, reader: str | None) -> Iterable[_Candidate]:
        """Yield the candidates, best first; `reader` is the language whose voice may read the text."""
        recording = self.recordings / language / f"{prompt}.wav"
        if recording.is_file():
            fingerprint = readings.fingerprint(recording.read_bytes())
            file = _file(language, prompt, fingerprint)
            spoken = self._recorded_text(language, prompt, fingerprint, file) or text
            yield _Candidate(str(recording), RECORDING, file, partial(_from_recording, recording), spoken)
        if reader is None:
            return
        if reader in self.chosen.missing and (old := self._old_audio(language, prompt, text, reader)):
            yield _Candidate(old.source, old.source, old.file, _raise_voice_missing, text)
        candidates = (self.chosen.voice(reader, self.voices), voice_of(reader, self.voices))
        for voice in dict.fromkeys(voice.brisk if prompt in self.brisk else voice for voice in candidates):
            voice = voice.of(prompt)
            file = _file(language, prompt, self.fingerprint(voice), text)
            yield _Candidate(voice.source, voice.source, file, partial(self._speak, voice, text), text)

    def _recorded_text(self, language: str, prompt: str, fingerprint: str, file: str) -> str | None:
        """Return the text that a recording speaks, as stored when it was imported or first used."""
        reading = self.readings[language].get(prompt)
        if reading is not None and reading[0] == fingerprint:
            return reading[1]
        old = self.old.audio(language, prompt)
        return old.text if old and old.file == file else None

    def _old_audio(self, language: str, prompt: str, text: str, reader: str) -> Audio | None:
        """Return the audio of a configured voice that is no longer installed, if the text has not changed."""
        old = self.old.audio(language, prompt)
        return old if old and (old.source, old.text) == (self.chosen.named[reader], text) else None

    def _since(self, language: str, prompt: str, file: str) -> datetime:
        old = self.old.audio(language, prompt)
        if old is None or old.file != file:
            return self.now
        made = manifest.paths(self.out, file)[0].stat().st_mtime
        return old.since or datetime.fromtimestamp(int(made), UTC)

    def _speak(self, voice: Voice, text: str) -> audio.Sound:
        samples, rate = self.pool.speak(voice, text)
        return audio.finish(audio.from_int16(samples), rate)

    def _make(self, candidate: _Candidate) -> tuple[float, bool]:
        """Return the duration in seconds, and whether the audio had to be made."""
        seconds = files.seconds_of(self.out, candidate.file)
        if seconds is not None:
            return seconds, False
        return files.write_sound(self.out, candidate.file, candidate.make_sound()), True


def _raise_voice_missing() -> audio.Sound:
    raise VoiceError("is no longer installed and its audio is truncated")


def _from_recording(recording: Path) -> audio.Sound:
    return audio.finish(*audio.read_recording(recording))


def _file(language: str, prompt: str, *identity: str) -> str:
    digest = hashlib.sha256("\0".join((str(FORMAT_VERSION), *identity)).encode()).hexdigest()
    return f"{manifest.PREFIX}/{language}/{prompt}-{digest[:10]}"


def _problems(language: str, prompt: str, failures: Iterable[str], instead: str) -> tuple[BuildProblem, ...]:
    return tuple(BuildProblem(language, prompt, found, instead) for found in failures)


def _missing_voices(
    catalogues: Catalogues, chosen: Choice, voices: Mapping[str, Voice], heard: Mapping[str, Mapping[str, Audio]]
) -> list[BuildProblem]:
    """Return the configured voices that cannot be used: one problem per language."""
    problems = []
    for language, reason in chosen.missing.items():
        if language in catalogues.languages:
            kept = sum(clip.source == chosen.named[language] for clip in heard[language].values())
            other = voice_of(language, voices).source
            instead = f"{other} speaks instead"
            if kept:
                instead = f"its {kept} existing prompts stay in use, and {other} speaks new texts"
            problems.append(BuildProblem(language, "", f"{chosen.named[language]}: {reason}", instead))
    return problems


def _strays(prompts: Iterable[tuple[str, str]], recordings: Path) -> list[BuildProblem]:
    """Return the recordings that are not named after a prompt: callers would never hear them."""
    known = {(language, f"{prompt}.wav") for language, prompt in prompts}
    return [
        BuildProblem(path.parent.name, path.name, f"{path} is not named after a prompt", "it is not used")
        for path in sorted(recordings.glob("*/*"))
        if (path.parent.name, path.name) not in known and not path.name.startswith((".", "README", readings.FILE))
    ]


def _publish(out: Path, old: Manifest, new: Manifest) -> None:
    """Put new audio into use: the stable names first, the manifest last, each atomically."""
    if new != old:
        files.settle(out)
    for language, prompts in new.prompts.items():
        for prompt, found in prompts.items():
            for target in manifest.paths(out, found.file):
                files.link(out / language / f"{prompt}{target.suffix}", target.name)
    if new == old:
        return
    for file in old.files - new.files:
        for path in manifest.paths(out, file):
            if path.exists():
                os.utime(path)  # no call starts to play it from now on: `prune` counts from here
    files.write(out / manifest.FILE, manifest.dump(new), settled=True)
