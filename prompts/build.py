"""Build the audio of all prompts: from a recording if there is one, else with the language's voice.

A file's name contains the hash of everything that affects its sound (text, voice, settings, versions; a recording's
bytes), so only changed prompts are rebuilt, and a file that a call may be playing is never overwritten. The manifest is
replaced last.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from operator import attrgetter
from pathlib import Path

from prompts import audio, build_report, files, manifest, readings
from prompts.audio import AudioError
from prompts.build_report import BuildProblem as BuildProblem
from prompts.build_report import BuildReport as BuildReport
from prompts.build_report import RecordingProgress
from prompts.catalogue import SOURCE, Catalogues
from prompts.clip_store import ClipStore
from prompts.manifest import RECORDING, Audio, Manifest
from prompts.names import Name
from prompts.prompt_list import Key, Prompt, list_prompts
from prompts.slow_voices import SlowClip, SlowVoices, slow_clips
from prompts.voices import VOICES, Voice, voice_of
from prompts.voices.choice import TABLE, Choice, comes_by_itself, is_slow
from prompts.voices.process import VoiceError, VoicePool

TIME_LIMIT = 20.0
"""Time limit for a voice to speak one text, in seconds; the slowest takes 1.3 s for 2,000 letters."""

Progress = Callable[[int, int, str], None]
"""Called after each prompt: how many are done, of how many, and which one (`fr/welcome`)."""


def build(
    catalogues: Catalogues,
    out: Path,
    recordings: Path,
    progress: Progress = lambda done, total, prompt: None,
    *,
    names: Iterable[Name] = (),
    brisk: Collection[str] = (),
    recorded_only: Collection[str] = (),
    later: Collection[str] = (),
    voices: Mapping[str, Voice] = VOICES,
    chosen: Choice = TABLE,
    clips: ClipStore | None = None,
    switched: Collection[str] = (),
    time_limit: float = TIME_LIMIT,
) -> BuildReport:
    """Update `out`, the folder of sounds, from the texts and from `recordings/<language>/<id>.wav`.

    A problem with one prompt is in the report, and its old audio stays in use. A second builder of the same folder
    waits for the first.

    Args:
        names: Prompts besides the texts; a name with the id of a text, or in a language without texts, is ignored.
        brisk: The ids of texts that a voice speaks fast.
        recorded_only: Languages that no voice may speak; a prompt without a recording has no audio and is not reported.
        later: The ids of prompts that this build leaves out in languages that have no audio of them yet. English has
            them at once, if a voice may speak it: other languages' callers hear that meanwhile.
        chosen: The voices that the site configured; `voices` speak the other languages.
        clips: What slow voices have spoken; without it, none of them is used.
        switched: Languages that get their slow voice now, since `clips` has all that it says.

    Raises:
        OSError: `out` cannot be written at all.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with manifest.locked(out):
        old = manifest.load_if_any(out / manifest.FILE)  # a broken one is rewritten
        every = list_prompts(catalogues, names, brisk, recorded_only)
        prompts = _present(every, () if SOURCE in recorded_only else later, old)
        slow = SlowVoices(slow_clips(every, chosen, recordings), voices, old, out, clips)
        with VoicePool(time_limit) as pool:
            undone = list(slow.decide(switched, partial(speak, pool)))
            builder = _Builder(prompts, out, recordings, voices, chosen, slow, old, pool)
            results = builder.run(progress)
        heard: dict[str, dict[str, Audio]] = {language: {} for language in catalogues.languages}
        for (language, prompt), result in results.items():
            if result.audio:
                heard[language][prompt] = result.audio
        files.write_pauses(out)
        files.write_beep(out)
        _publish(out, old, Manifest(heard))
        _note_left(out, len(every) - len(prompts))
        problems = (
            *_missing_voices(catalogues, chosen, voices, heard),
            *undone,
            *(problem for result in results.values() for problem in result.problems),
            *_strays(every, recordings),
        )
        files.write(out / build_report.FILE, build_report.dump_problems(problems))
    recorded = tuple(
        RecordingProgress(language, len(heard[language].keys() & set(catalogues.ids)), len(catalogues.ids))
        for language in catalogues.languages
        if language in recorded_only
    )
    return BuildReport(
        made=sum(result.made for result in results.values()),
        kept=sum(result.audio is not None and not result.made for result in results.values()),
        problems=problems,
        recorded=recorded,
        seconds=time.monotonic() - started,
        quick=_still_quick(chosen, heard),
    )


def _present(every: Mapping[Key, Prompt], later: Collection[str], old: Manifest) -> dict[Key, Prompt]:
    """Return the prompts of this build: without those of `later` that have no audio yet, except in English."""
    return {
        key: prompt
        for key, prompt in every.items()
        # What only a studio speaks is nothing that could be made later.
        if key[0] == SOURCE or prompt.id not in later or prompt.reader is None or old.audio(*key)
    }


def _still_quick(chosen: Choice, heard: Mapping[str, Mapping[str, Audio]]) -> tuple[str, ...]:
    """Return the languages that do not have their slow voice yet."""
    return tuple(
        language
        for language, name in chosen.named.items()
        if is_slow(name) and all(clip.source != name for clip in heard.get(language, {}).values())
    )


def speak(pool: VoicePool, voice: Voice, text: str) -> audio.Sound:
    """Return a text in a voice, as loud as all other prompts.

    Raises:
        VoiceError, AudioError: The voice failed.
    """
    samples, rate = pool.speak(voice, text)
    return audio.finish(audio.from_int16(samples), rate)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A possible origin of a prompt's audio."""

    name: str  # for error messages
    source: str  # in the manifest
    file: str  # in the manifest; it changes with everything that affects the sound
    write: Callable[[], float]  # writes the file and returns its duration in seconds
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
        prompts: Mapping[Key, Prompt],
        out: Path,
        recordings: Path,
        voices: Mapping[str, Voice],
        chosen: Choice,
        slow: SlowVoices,
        old: Manifest,
        pool: VoicePool,
    ) -> None:
        self.prompts, self.out, self.recordings = prompts, out, recordings
        self.voices, self.chosen, self.slow, self.old, self.pool = voices, chosen, slow, old, pool
        languages = dict.fromkeys(language for language, _ in prompts)
        self.readings = {language: readings.load(recordings / language) for language in languages}
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.fingerprint = cache(attrgetter("fingerprint"))  # it looks up the versions of packages

    def run(self, progress: Progress) -> dict[Key, _Result]:
        results: dict[Key, _Result] = {}
        # The threads wait for the voices' processes: one for each processor available to us.
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            try:
                for key, result in zip(self.prompts, threads.map(self._one, self.prompts.values()), strict=True):
                    results[key] = result
                    progress(len(results), len(self.prompts), "/".join(key))
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return results

    def _one(self, prompt: Prompt) -> _Result:
        key = prompt.language, prompt.id
        failures = [prompt.unspeakable] if prompt.unspeakable else []
        for candidate in self._candidates(prompt):
            try:
                seconds, made = self._make(candidate)
            except (AudioError, VoiceError) as error:
                failures.append(f"{candidate.name} {error}")
            except OSError as error:
                failures.append(f"{candidate.name} could not be read or written ({error.strerror})")
            else:
                clip = Audio(
                    candidate.file, candidate.text, candidate.source, seconds, self._since(key, candidate.file)
                )
                return _Result(clip, made, _problems(key, failures, f"the {candidate.source} is used"))
        old = self.old.audio(*key)
        if old and files.seconds_of(self.out, old.file) is None:
            old = None
        if prompt.reader is None and old and (old.source != RECORDING or not failures):
            old = None
        instead = "the old audio stays in use" if old else "there is no audio for it"
        return _Result(old, False, _problems(key, failures, instead))

    def _candidates(self, prompt: Prompt) -> Iterable[_Candidate]:
        """Yield the candidates, best first."""
        key, text, reader = (prompt.language, prompt.id), prompt.text, prompt.reader
        recording = self.recordings / prompt.language / f"{prompt.id}.wav"
        if recording.is_file():
            fingerprint = readings.fingerprint(recording.read_bytes())
            file = _file(key, fingerprint)
            spoken = self._recorded_text(key, fingerprint, file) or text
            yield _Candidate(str(recording), RECORDING, file, partial(self._write_recording, file, recording), spoken)
        if reader is None or prompt.unspeakable:
            return
        if reader in self.chosen.missing and (old := self._old_audio(key, text, reader)):
            yield _Candidate(old.source, old.source, old.file, _raise_voice_missing, text)
        if clip := self.slow.clip(key, reader):
            yield self._slow_candidate(clip)
        for voice in dict.fromkeys((self._voice(reader), voice_of(reader, self.voices))):
            voice = (voice.brisk if prompt.brisk else voice).of(prompt.id)
            file = _file(key, self.fingerprint(voice), text)
            yield _Candidate(voice.source, voice.source, file, partial(self._write_speech, file, voice, text), text)

    def _voice(self, reader: str) -> Voice:
        """Return the voice of new texts: a slow one only where it speaks the language already."""
        voice = self.chosen.voice(reader, self.voices)
        return voice_of(reader, self.voices) if voice.slow and reader not in self.slow.on else voice

    def _slow_candidate(self, clip: SlowClip) -> _Candidate:
        source, text = clip.voice.source, clip.prompt.text
        if old := self.slow.kept(clip):
            return _Candidate(source, source, old.file, _raise_voice_missing, text)
        return _Candidate(source, source, clip.file, partial(self.slow.place, clip), text)

    def _recorded_text(self, key: Key, fingerprint: str, file: str) -> str | None:
        """Return the text that a recording speaks, as stored when it was imported or first used."""
        language, prompt = key
        reading = self.readings[language].get(prompt)
        if reading is not None and reading[0] == fingerprint:
            return reading[1]
        old = self.old.audio(*key)
        return old.text if old and old.file == file else None

    def _old_audio(self, key: Key, text: str, reader: str) -> Audio | None:
        """Return the audio of a configured voice that is no longer installed, if the text has not changed."""
        old = self.old.audio(*key)
        return old if old and (old.source, old.text) == (self.chosen.named[reader], text) else None

    def _since(self, key: Key, file: str) -> datetime:
        old = self.old.audio(*key)
        if old is None or old.file != file:
            return self.now
        made = manifest.paths(self.out, file)[0].stat().st_mtime
        return old.since or datetime.fromtimestamp(int(made), UTC)

    def _write_recording(self, file: str, recording: Path) -> float:
        return files.write_sound(self.out, file, audio.finish(*audio.read_recording(recording)))

    def _write_speech(self, file: str, voice: Voice, text: str) -> float:
        return files.write_sound(self.out, file, speak(self.pool, voice, text))

    def _make(self, candidate: _Candidate) -> tuple[float, bool]:
        """Return the duration in seconds, and whether the audio had to be made."""
        seconds = files.seconds_of(self.out, candidate.file)
        if seconds is not None:
            return seconds, False
        return candidate.write(), True


def _raise_voice_missing() -> float:
    raise VoiceError("is no longer installed and its audio is truncated")


def _note_left(out: Path, left: int) -> None:
    if left:
        files.write(out / manifest.LEFT, f"{left}\n".encode())
    else:
        (out / manifest.LEFT).unlink(missing_ok=True)


def _file(key: Key, *identity: str) -> str:
    return files.file_name(*key, files.sound_hash(*identity))


def _problems(key: Key, failures: Iterable[str], instead: str) -> tuple[BuildProblem, ...]:
    return tuple(BuildProblem(*key, found, instead) for found in failures)


def _missing_voices(
    catalogues: Catalogues, chosen: Choice, voices: Mapping[str, Voice], heard: Mapping[str, Mapping[str, Audio]]
) -> list[BuildProblem]:
    """Return the configured voices that cannot be used: one problem per language. One that is yet to come is none."""
    problems = []
    for language, reason in chosen.missing.items():
        if language in catalogues.languages:
            kept = sum(clip.source == chosen.named[language] for clip in heard[language].values())
            other = voice_of(language, voices).source
            instead = f"{other} speaks instead"
            if kept:
                instead = f"its {kept} existing prompts stay in use, and {other} speaks new texts"
            elif comes_by_itself(chosen.named[language]):
                continue
            problems.append(BuildProblem(language, "", f"{chosen.named[language]}: {reason}", instead))
    return problems


def _strays(prompts: Iterable[Key], recordings: Path) -> list[BuildProblem]:
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
            made = found.file.rpartition("/")[2]
            for ending in manifest.FORMATS:
                files.link(f"{out}/{language}/{prompt}.{ending}", f"{made}.{ending}")
    if new == old:
        return
    for file in old.files - new.files:
        for path in manifest.paths(out, file):
            if path.exists():
                os.utime(path)  # no call starts to play it from now on: `prune` counts from here
    files.write(out / manifest.FILE, manifest.dump(new), settled=True)
