"""Makes the audio of all prompts: a recording where there is one, else the language's voice.

A file's name holds the hash of all that decides how it sounds (text, voice, settings, versions; a recording's bytes),
so only what changed is made again and nothing that a call may be playing is overwritten. The manifest is replaced last.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from prompts import audio, files, manifest, readings
from prompts.audio import AudioError
from prompts.catalogue import Catalogues
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.names import Name
from prompts.voices import VOICES, Voice, voice_of
from prompts.voices.choice import TABLE, Choice
from prompts.voices.process import VoiceError, VoicePool

FORMAT_VERSION = 2
"""Raise it when `audio.py`, `g711.py` or a voice's own code changes how a prompt sounds."""
TIME_LIMIT = 20.0
"""Seconds that a voice has for one text; the slowest takes 1.3 s for 2,000 letters."""

Progress = Callable[[int, int, str], None]
"""Called as prompts are done: how many, of how many, and which one (`fr/welcome`)."""


@dataclass(frozen=True, slots=True)
class BuildProblem:
    """One prompt that is not what it should be; the others are built all the same."""

    language: str
    id: str  # empty: it is about the language's voice
    found: str
    instead: str  # what callers hear now

    def __str__(self) -> str:
        return f"{self.language}{'/' if self.id else ''}{self.id}: {self.found}; {self.instead}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """How far a language is that has only recordings."""

    language: str
    recorded: int
    texts: int

    def __str__(self) -> str:
        return f"{self.recorded} of {self.texts} recorded"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did: counts of prompts, and seconds."""

    made: int
    kept: int
    problems: tuple[BuildProblem, ...]
    recorded: tuple[Recorded, ...]
    seconds: float


def build(
    catalogues: Catalogues,
    out: Path,
    recordings: Path,
    progress: Progress = lambda done, total, prompt: None,
    *,
    names: Iterable[Name] = (),
    recorded_only: Collection[str] = (),
    voices: Mapping[str, Voice] = VOICES,
    chosen: Choice = TABLE,
    time_limit: float = TIME_LIMIT,
) -> BuildReport:
    """Brings `out` (the folder of sounds) up to date with the texts and with `recordings/<language>/<id>.wav`.

    `names`: said besides the texts; one that is called like a text, or is of a language without texts, is left out.
    `recorded_only`: languages that no voice may speak; what is not recorded has no audio, and that is no problem here.
    `chosen`: the voices that the site switched on; what they do not speak, `voices` do.
    OSError: `out` cannot be written at all. Whatever else goes wrong with a prompt is in the report, and its old audio
    stays in use. A second builder of the same folder waits for the first.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with manifest.locked(out):
        old = manifest.load_if_any(out / manifest.FILE)  # a broken one is written anew
        with VoicePool(time_limit) as pool:
            builder = _Builder(catalogues, names, out, recordings, recorded_only, voices, chosen, old, pool)
            results = builder.run(progress)
        heard: dict[str, dict[str, Audio]] = {language: {} for language in catalogues.languages}
        for (language, prompt), result in results.items():
            if result.audio:
                heard[language][prompt] = result.audio
        files.write_pause(out)
        files.write_beep(out)
        _publish(out, old, Manifest(heard))
    problems = [problem for result in results.values() for problem in result.problems]
    return BuildReport(
        made=sum(result.made for result in results.values()),
        kept=sum(result.audio is not None and not result.made for result in results.values()),
        problems=(*_missing(catalogues, chosen, voices, heard), *problems, *_strays(results.keys(), recordings)),
        recorded=tuple(
            Recorded(language, len(heard[language].keys() & set(catalogues.ids)), len(catalogues.ids))
            for language in catalogues.languages
            if language in recorded_only
        ),
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to have a prompt's audio."""

    name: str  # in a sentence about what is wrong with it
    source: str  # in the manifest
    file: str  # in the manifest; it changes with all that decides how it sounds
    sound: Callable[[], audio.Sound]
    text: str  # what it says


@dataclass(frozen=True, slots=True)
class _Result:
    audio: Audio | None
    made: bool
    problems: tuple[BuildProblem, ...]


class _Builder:
    """One build; all but `run` is called from several threads."""

    def __init__(
        self,
        catalogues: Catalogues,
        names: Iterable[Name],
        out: Path,
        recordings: Path,
        recorded_only: Collection[str],
        voices: Mapping[str, Voice],
        chosen: Choice,
        old: Manifest,
        pool: VoicePool,
    ) -> None:
        self.catalogues, self.out, self.recordings = catalogues, out, recordings
        self.recorded_only, self.voices, self.chosen, self.old, self.pool = recorded_only, voices, chosen, old, pool
        self.readings = {each: readings.load(recordings / each) for each in catalogues.languages}
        texts = set(catalogues.ids)
        self.names = {
            (each.language, each.id): each
            for each in names
            if each.language in catalogues.languages and each.id not in texts
        }
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.unspeakable = {
            (problem.language, problem.id): f"{problem.found} ({problem.code})"
            for problem in catalogues.problems()
            if problem.code.startswith("E_")
        } | {key: wrong for key, name in self.names.items() if (wrong := name.unspeakable)}

    def run(self, progress: Progress) -> dict[tuple[str, str], _Result]:
        prompts = [(language, prompt) for language in self.catalogues.languages for prompt in self.catalogues.ids]
        prompts += self.names
        results = {}
        # The threads wait for the voices' processes: one for each processor that we may use.
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
        for way in self._ways(language, prompt, text, None if voiceless or unspeakable else reader):
            try:
                seconds, made = self._make(way)
            except (AudioError, VoiceError) as error:
                failures.append(f"{way.name} {error}")
            except OSError as error:
                failures.append(f"{way.name} could not be read or written ({error.strerror})")
            else:
                found = Audio(way.file, way.text, way.source, seconds, self._since(language, prompt, way.file))
                return _Result(found, made, _problems(language, prompt, failures, f"the {way.source} is used"))
        old = self.old.audio(language, prompt)
        if old and files.seconds_of(self.out, old.file) is None:
            old = None
        if voiceless and old and (old.source != RECORDING or not failures):
            old = None
        instead = "the old audio stays in use" if old else "there is no audio for it"
        return _Result(old, False, _problems(language, prompt, failures, instead))

    def _ways(self, language: str, prompt: str, text: str, reader: str | None) -> Iterable[_Way]:
        """Best first. `reader`: the language whose voice may be asked."""
        recording = self.recordings / language / f"{prompt}.wav"
        if recording.is_file():
            same = readings.fingerprint(recording.read_bytes())
            file = _file(language, prompt, same)
            read = self._read(language, prompt, same, file) or text
            yield _Way(str(recording), RECORDING, file, partial(_recorded, recording), read)
        if reader is None:
            return
        if reader in self.chosen.missing and (old := self._spoken_before(language, prompt, text, reader)):
            yield _Way(old.source, old.source, old.file, _gone, text)
        for voice in dict.fromkeys((self.chosen.voice(reader, self.voices), voice_of(reader, self.voices))):
            file = _file(language, prompt, voice.fingerprint, text)
            yield _Way(voice.source, voice.source, file, partial(self._spoken, voice, text), text)

    def _read(self, language: str, prompt: str, same: str, file: str) -> str | None:
        """The text that a recording says, as was written down when it was imported, or first heard."""
        read = self.readings[language].get(prompt)
        if read is not None and read[0] == same:
            return read[1]
        old = self.old.audio(language, prompt)
        return old.text if old and old.file == file else None

    def _spoken_before(self, language: str, prompt: str, text: str, reader: str) -> Audio | None:
        """The audio of a voice that is switched on and no longer here, if the text is still the same."""
        old = self.old.audio(language, prompt)
        return old if old and (old.source, old.text) == (self.chosen.named[reader], text) else None

    def _since(self, language: str, prompt: str, file: str) -> datetime:
        old = self.old.audio(language, prompt)
        if old is None or old.file != file:
            return self.now
        made = manifest.paths(self.out, file)[0].stat().st_mtime
        return old.since or datetime.fromtimestamp(int(made), UTC)

    def _spoken(self, voice: Voice, text: str) -> audio.Sound:
        samples, rate = self.pool.speak(voice, text)
        return audio.finish(audio.from_int16(samples), rate)

    def _make(self, way: _Way) -> tuple[float, bool]:
        """Seconds of it, and whether it had to be made."""
        seconds = files.seconds_of(self.out, way.file)
        if seconds is not None:
            return seconds, False
        return files.write_sound(self.out, way.file, way.sound()), True


def _gone() -> audio.Sound:
    raise VoiceError("is no longer here and its audio is cut short")


def _recorded(recording: Path) -> audio.Sound:
    return audio.finish(*audio.read_recording(recording))


def _file(language: str, prompt: str, *decides: str) -> str:
    digest = hashlib.sha256("\0".join((str(FORMAT_VERSION), *decides)).encode()).hexdigest()
    return f"{manifest.PREFIX}/{language}/{prompt}-{digest[:10]}"


def _problems(language: str, prompt: str, failures: Iterable[str], instead: str) -> tuple[BuildProblem, ...]:
    return tuple(BuildProblem(language, prompt, found, instead) for found in failures)


def _missing(
    catalogues: Catalogues, chosen: Choice, voices: Mapping[str, Voice], heard: Mapping[str, Mapping[str, Audio]]
) -> list[BuildProblem]:
    """Voices that are switched on and cannot be used: told once a language."""
    problems = []
    for language, reason in chosen.missing.items():
        if language in catalogues.languages:
            kept = sum(each.source == chosen.named[language] for each in heard[language].values())
            other = f"{voice_of(language, voices).source} speaks instead"
            instead = f"its {kept} prompts of before stay in use, and {other} for what is new" if kept else other
            problems.append(BuildProblem(language, "", f"{chosen.named[language]}: {reason}", instead))
    return problems


def _strays(prompts: Iterable[tuple[str, str]], recordings: Path) -> list[BuildProblem]:
    """Recordings named after nothing: nobody would ever hear them."""
    known = {(language, f"{prompt}.wav") for language, prompt in prompts}
    return [
        BuildProblem(path.parent.name, path.name, f"{path} is named after no prompt", "it is not used")
        for path in sorted(recordings.glob("*/*"))
        if (path.parent.name, path.name) not in known and not path.name.startswith((".", "README", readings.FILE))
    ]


def _publish(out: Path, old: Manifest, new: Manifest) -> None:
    """Puts new audio into use: the stable names first, the manifest last, each at once."""
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
                os.utime(path)  # from now on nobody begins to play it: `prune` counts from here
    files.write(out / manifest.FILE, manifest.dump(new), settled=True)
