"""Makes the audio of all prompts: a recording where there is one, else the language's voice.

A file's name holds the hash of all that decides how it sounds (text, voice, settings, versions; a recording's bytes),
so only what changed is made again and nothing that a call may be playing is overwritten. The manifest is replaced last.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prompts import audio, manifest
from prompts.audio import AudioError
from prompts.catalogue import Catalogues
from prompts.manifest import Audio, Manifest, ManifestError
from prompts.voices import VOICES, Voice, voice_of
from prompts.voices.process import VoiceError, VoicePool

FORMAT_VERSION = 1
"""Raise it when `audio.py`, `g711.py` or a voice's own code changes how a prompt sounds."""
TIME_LIMIT = 20.0
"""Seconds that a voice has for one text; the slowest takes 1.3 s for 2,000 letters."""

Progress = Callable[[int, int, str], None]
"""Called as prompts are done: how many, of how many, and which one (`fr/welcome`)."""


@dataclass(frozen=True, slots=True)
class BuildProblem:
    """One prompt that is not what it should be; the others are built all the same."""

    language: str
    id: str
    found: str
    instead: str  # what callers hear now

    def __str__(self) -> str:
        return f"{self.language}/{self.id}: {self.found}; {self.instead}"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did: counts of prompts, and seconds."""

    made: int
    kept: int
    problems: tuple[BuildProblem, ...]
    seconds: float


def build(
    catalogues: Catalogues,
    out: Path,
    recordings: Path,
    progress: Progress = lambda done, total, prompt: None,
    *,
    voices: Mapping[str, Voice] = VOICES,
    time_limit: float = TIME_LIMIT,
) -> BuildReport:
    """Brings `out` (the folder of sounds) up to date with the texts and with `recordings/<language>/<id>.wav`.

    OSError: `out` cannot be written at all. Whatever else goes wrong with a prompt is in the report, and its old audio
    stays in use. A second builder of the same folder waits for the first.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with manifest.locked(out):
        old = _old_manifest(out)
        with VoicePool(time_limit) as pool:
            results = _Builder(catalogues, out, recordings, voices, old, pool).run(progress)
        heard = {
            language: {prompt: found for prompt in catalogues.ids if (found := results[language, prompt].audio)}
            for language in catalogues.languages
        }
        _publish(out, old, Manifest(heard))
    problems = [problem for result in results.values() for problem in result.problems]
    return BuildReport(
        made=sum(result.made for result in results.values()),
        kept=sum(result.audio is not None and not result.made for result in results.values()),
        problems=(*problems, *_strays(catalogues, recordings)),
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to have a prompt's audio."""

    name: str  # in a sentence about what is wrong with it
    source: str  # in the manifest
    file: str  # in the manifest; it changes with all that decides how it sounds
    sound: Callable[[], audio.Sound]


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
        out: Path,
        recordings: Path,
        voices: Mapping[str, Voice],
        old: Manifest,
        pool: VoicePool,
    ) -> None:
        self.catalogues, self.out, self.recordings = catalogues, out, recordings
        self.voices, self.old, self.pool = voices, old, pool
        self.unspeakable = {
            (problem.language, problem.id): f"{problem.found} ({problem.code})"
            for problem in catalogues.problems()
            if problem.code.startswith("E_")
        }

    def run(self, progress: Progress) -> dict[tuple[str, str], _Result]:
        prompts = [(language, prompt) for language in self.catalogues.languages for prompt in self.catalogues.ids]
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
        text = self.catalogues.text(language, prompt) or ""
        unspeakable = self.unspeakable.get((language, prompt))
        failures = [unspeakable] if unspeakable else []
        for way in self._ways(language, prompt, None if unspeakable else text):
            try:
                seconds, made = self._make(way)
            except (AudioError, VoiceError) as error:
                failures.append(f"{way.name} {error}")
            except OSError as error:
                failures.append(f"{way.name} could not be read or written ({error.strerror})")
            else:
                found = Audio(way.file, text, way.source, seconds)
                return _Result(found, made, _problems(language, prompt, failures, f"the {way.source} is used"))
        old = self.old.audio(language, prompt)
        if old and _seconds(self.out, old.file) is None:
            old = None
        instead = "the old audio stays in use" if old else "there is no audio for it"
        return _Result(old, False, _problems(language, prompt, failures, instead))

    def _ways(self, language: str, prompt: str, text: str | None) -> Iterable[_Way]:
        """Best first. `text` is None where no voice may be asked."""
        recording = self.recordings / language / f"{prompt}.wav"
        if recording.is_file():
            file = _file(language, prompt, hashlib.sha256(recording.read_bytes()).hexdigest())
            yield _Way(str(recording), "recording", file, partial(_recorded, recording))
        if text is not None:
            voice = voice_of(language, self.voices)
            file = _file(language, prompt, voice.fingerprint, text)
            yield _Way(voice.source, voice.source, file, partial(self._spoken, voice, text))

    def _spoken(self, voice: Voice, text: str) -> audio.Sound:
        samples, rate = self.pool.speak(voice, text)
        return audio.finish(audio.from_int16(samples), rate)

    def _make(self, way: _Way) -> tuple[float, bool]:
        """Seconds of it, and whether it had to be made."""
        seconds = _seconds(self.out, way.file)
        if seconds is not None:
            return seconds, False
        sound = way.sound()
        for path, content in zip(
            manifest.paths(self.out, way.file), (sound.ulaw, sound.alaw, sound.sln16), strict=True
        ):
            path.parent.mkdir(exist_ok=True)
            _write(path, content)
        return len(sound.ulaw) / audio.NARROW, True


def _recorded(recording: Path) -> audio.Sound:
    return audio.finish(*audio.read_recording(recording))


def _old_manifest(out: Path) -> Manifest:
    try:
        return manifest.load(out / manifest.FILE)
    except ManifestError:  # the first build, or a broken one: it is written anew
        return Manifest({})


def _file(language: str, prompt: str, *decides: str) -> str:
    digest = hashlib.sha256("\0".join((str(FORMAT_VERSION), *decides)).encode()).hexdigest()
    return f"{manifest.PREFIX}/{language}/{prompt}-{digest[:10]}"


def _seconds(out: Path, file: str) -> float | None:
    """How long existing audio lasts; None where a format is missing or cut short."""
    try:
        ulaw, alaw, sln16 = (path.stat().st_size for path in manifest.paths(out, file))
    except OSError:
        return None
    return ulaw / audio.NARROW if ulaw and ulaw == alaw and sln16 == 4 * ulaw else None


def _problems(language: str, prompt: str, failures: Iterable[str], instead: str) -> tuple[BuildProblem, ...]:
    return tuple(BuildProblem(language, prompt, found, instead) for found in failures)


def _strays(catalogues: Catalogues, recordings: Path) -> list[BuildProblem]:
    """Recordings named after nothing: nobody would ever hear them."""
    known = {(language, f"{prompt}.wav") for language in catalogues.languages for prompt in catalogues.ids}
    return [
        BuildProblem(path.parent.name, path.name, f"{path} is named after no prompt", "it is not used")
        for path in sorted(recordings.glob("*/*"))
        if (path.parent.name, path.name) not in known and not path.name.startswith((".", "README"))
    ]


def _publish(out: Path, old: Manifest, new: Manifest) -> None:
    """Puts new audio into use: the stable names first, the manifest last, each at once."""
    for language, prompts in new.prompts.items():
        for prompt, found in prompts.items():
            for target in manifest.paths(out, found.file):
                _link(out / language / f"{prompt}{target.suffix}", target.name)
    if new == old:
        return
    for file in old.files - new.files:
        for path in manifest.paths(out, file):
            if path.exists():
                os.utime(path)  # from now on nobody begins to play it: `prune` counts from here
    _write(out / manifest.FILE, manifest.dump(new))


def _link(link: Path, target: str) -> None:
    if link.is_symlink() and str(link.readlink()) == target:
        return
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, also after a crash; a full disk leaves what was there."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
