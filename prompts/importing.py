"""What a studio has sent: each file is checked by itself and against its text, and the good ones become recordings.

Nothing is lost: what is refused stays where it is, and a recording that is there already is only replaced when asked.
"""

from __future__ import annotations

import hashlib
import io
import statistics
import wave
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prompts import audio, files, readings
from prompts.audio import AudioError, Samples
from prompts.catalogue import Catalogues
from prompts.manifest import Manifest
from prompts.script import letters

LARGEST = 60_000_000
"""Bytes: three minutes of 24 bit at 96 kHz."""
QUIETEST_SPEECH = -45.0
"""dBFS: below this the studio's own noise becomes loud when all prompts are made equally loud."""
NOISY, BEST_NOISE = 20.0, 30.0
"""dB from noise to speech: below the first it is recorded again, below the second it is told."""
NOISE_S = 0.1
"""Noise is the power of the quietest so many seconds."""
START_S = 0.3
"""Of each recording before the pace of a language counts."""
USUAL_PACE = 13.0
"""Letters a second where nothing is known of a language."""
ENOUGH = 8
"""So many recordings tell the speaker's pace; with fewer the voice's counts."""
SHORTEST, LONGEST = 0.5, 2.0
"""Times the length that is expected of a text."""
SHORT_LEEWAY_S, LONG_LEEWAY_S = 0.1, 0.4
"""Seconds more: speakers differ most in single words."""

_FORMATS = (".wav", ".flac")


class ImportingError(ValueError):
    """A folder that holds no recordings; the message says how it should look."""


class Verdict(StrEnum):
    TAKEN = "taken"
    THERE = "there already"
    AGAIN = "record again"
    REFUSED = "refused"  # nothing to record: a name, a copy, another recording in its place


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file and what becomes of it."""

    file: str  # as it lies in the folder
    language: str
    id: str  # empty: it is named after nothing
    verdict: Verdict
    reason: str  # why it is not taken, or what is not as good as it could be
    seconds: float | None = None  # of speech; None where it cannot be heard
    expected_s: float | None = None
    level: float | None = None  # dBFS, active level
    noise: float | None = None  # dB below it


@dataclass(frozen=True, slots=True)
class _Heard:
    """A file that is sound; `wav` is what is kept of it."""

    file: Delivered
    wav: bytes
    same: str  # equal for equal sound


Progress = Callable[[int, int, str], None]


def examine(
    folder: Path,
    texts: Catalogues,
    recordings: Path,
    heard: Manifest,
    *,
    language: str | None = None,
    replaced: bool = False,
    progress: Progress = lambda done, total, file: None,
) -> tuple[list[Delivered], dict[Path, bytes]]:
    """What of a folder can be taken, file by file, and what is to be written where.

    The folder holds `LANGUAGE/ID.wav`, with `language` also `ID.wav`. `heard`: the audio of today, whose pace counts
    while a language has few recordings. `replaced`: a recording that is there gives way to another one. ImportingError:
    there is no such folder, or no file in it.
    """
    found = list(_files(folder))
    if not found:
        want = "ID.wav" if language else "LANGUAGE/ID.wav, or ID.wav with --language"
        raise ImportingError(f"{folder}: there are no files in it; a studio's recordings are named {want}")
    results: list[Delivered] = []
    sounds: list[_Heard] = []
    named = [_named(path, folder, texts, language) for path in found]
    places = Counter((each.language, each.id) for each in named if each.id)
    for done, (path, each) in enumerate(zip(found, named, strict=True), start=1):
        if not each.id:
            results.append(each)
        elif places[each.language, each.id] > 1:
            results.append(_refused(each, "is there more than once; keep the right one"))
        else:
            judged = _listened(path, each)
            (sounds if isinstance(judged, _Heard) else results).append(judged)  # type: ignore[arg-type]
        progress(done, len(found), each.file)
    paces = _paces(texts, recordings, heard, [each.file for each in sounds])
    wanted: dict[Path, bytes] = {}
    for sound in _copies_told(sounds, texts):
        judged = _measured(sound.file, texts.text(sound.file.language, sound.file.id), paces)
        place = recordings / judged.language / f"{judged.id}.wav"
        if judged.verdict is Verdict.TAKEN and place.is_file():
            if place.read_bytes() == sound.wav:
                judged = replace(judged, verdict=Verdict.THERE)
            elif not replaced:
                judged = _refused(judged, f"another recording is there ({place}); --replace takes this one instead")
        if judged.verdict is Verdict.TAKEN:
            wanted[place] = sound.wav
        results.append(judged)
    return sorted(results, key=lambda each: each.file), wanted


def take(wanted: Mapping[Path, bytes]) -> None:
    """Writes the recordings, each at once or not at all. OSError: the disk is full or may not be written."""
    for place, content in wanted.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write(place, content, settled=True)


def write_down(found: Iterable[Delivered], texts: Catalogues, recordings: Path) -> None:
    """Which texts the recordings say that were taken or there already. OSError as `take`."""
    read: dict[str, dict[str, tuple[str, str]]] = {}
    for each in found:
        if each.verdict in (Verdict.TAKEN, Verdict.THERE):
            same = readings.fingerprint((recordings / each.language / f"{each.id}.wav").read_bytes())
            text = texts.text(each.language, each.id) or ""
            read.setdefault(each.language, {})[each.id] = (same, text)
    for language, known in read.items():
        readings.keep(recordings / language, known)


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ImportingError(f"{folder}: there is no such folder")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _named(path: Path, folder: Path, texts: Catalogues, language: str | None) -> Delivered:
    """Whose recording it is, by its name."""
    parts = path.relative_to(folder).parts
    file, spoken = "/".join(parts), language or ""
    nothing = Delivered(file, spoken, "", Verdict.REFUSED, "")
    if path.suffix.lower() not in _FORMATS:
        return replace(nothing, reason="is no WAV or FLAC file; export it as one")
    match parts:
        case [own, _] if language in (None, own):
            spoken = own
        case [_] if language:
            pass
        case _:
            where = f"{language}/ID.wav or ID.wav" if language else "LANGUAGE/ID.wav, or give --language"
            return replace(nothing, reason=f"is not where it should be; name it {where}")
    nothing = replace(nothing, language=spoken)
    if spoken not in texts.languages:
        known = ", ".join(texts.languages)
        return replace(nothing, reason=f"is of no language of the site; the folder is one of {known}")
    if path.stem not in texts.ids:
        return replace(nothing, reason="is named after no text; `hatif prompts script` has the names")
    return replace(nothing, id=path.stem, verdict=Verdict.TAKEN)


def _refused(file: Delivered, reason: str) -> Delivered:
    return replace(file, verdict=Verdict.REFUSED, reason=reason)


def _again(file: Delivered, reason: str) -> Delivered:
    return replace(file, verdict=Verdict.AGAIN, reason=reason)


def _listened(path: Path, file: Delivered) -> Delivered | _Heard:
    """What can be told of a file without its text."""
    try:
        if path.stat().st_size > LARGEST:
            return _again(file, f"has {path.stat().st_size // 1_000_000} MB; a text lasts {audio.LONGEST:g} s at most")
        wav = path.read_bytes() if path.suffix.lower() == ".wav" else _wav_of(path)
        samples, rate = audio.read_recording(io.BytesIO(wav))
        seconds = len(audio.finish(samples, rate).ulaw) / audio.NARROW
    except AudioError as error:
        return _again(file, str(error))
    except OSError as error:
        return _refused(file, f"could not be read ({error.strerror})")
    level = audio.active_level(samples, rate)
    noise = level - _quietest(samples, rate)
    same = hashlib.sha256(samples.tobytes()).hexdigest()
    return _Heard(replace(file, seconds=seconds, level=level, noise=noise), wav, same)


def _wav_of(path: Path) -> bytes:
    """The same samples as WAV of 24 bit. AudioError: it is no FLAC file."""
    import soundfile  # type: ignore[import-untyped]  # brings a library along; seldom needed

    try:
        whole, rate = soundfile.read(str(path), dtype="int32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise AudioError(f"is not a FLAC file ({error}); export it as one, or as WAV") from None
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(whole.shape[1])
        file.setsampwidth(3)
        file.setframerate(rate)
        file.writeframes(_24_bit(whole))
    return out.getvalue()


def _24_bit(samples: NDArray[np.int32]) -> bytes:
    return np.ascontiguousarray(samples.astype("<i4")).view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def _quietest(samples: Samples, rate: int) -> float:
    """dBFS of the quietest `NOISE_S`; digital silence counts as -100."""
    size = round(audio.FRAME * rate)
    power = (samples[: len(samples) // size * size].astype(np.float64).reshape(-1, size) ** 2).mean(axis=1)
    frames = min(len(power), round(NOISE_S / audio.FRAME))
    quiet = np.convolve(power, np.full(frames, 1 / frames), mode="valid").min()
    return float(10 * np.log10(max(quiet, 1e-10)))


def _copies_told(sounds: list[_Heard], texts: Catalogues) -> Iterator[_Heard]:
    """One sound for two different texts: one of them is named wrongly, and we cannot know which."""
    groups: dict[str, list[_Heard]] = {}
    for sound in sounds:
        groups.setdefault(sound.same, []).append(sound)
    for group in groups.values():
        said = {texts.text(sound.file.language, sound.file.id) for sound in group}
        for sound in group:
            others = ", ".join(each.file.file for each in group if each is not sound)
            wrong = others and len(said) > 1
            again = _again(sound.file, f"is the same sound as {others}; one of them has the wrong name")
            yield replace(sound, file=again) if wrong else sound


def _paces(
    texts: Catalogues, recordings: Path, heard: Manifest, delivered: Iterable[Delivered]
) -> dict[str, tuple[float, str]]:
    """Letters a second, by language, and whose pace that is: the recordings', or else the voice's."""
    spoken: dict[str, list[float]] = {}
    for file in delivered:
        _count(spoken.setdefault(file.language, []), texts.text(file.language, file.id), file.seconds)
    paces = {}
    for language, own in spoken.items():
        before: list[float] = []
        voice: list[float] = []
        for prompt, each in heard.prompts.get(language, {}).items():
            recorded = (recordings / language / f"{prompt}.wav").is_file() and each.source == "recording"
            _count(before if recorded else voice, each.text, each.seconds)
        if len(own) + len(before) >= ENOUGH:
            paces[language] = statistics.median(own + before), "the other recordings"
        elif len(voice) >= ENOUGH:
            paces[language] = statistics.median(voice), "the voice of today"
        else:
            paces[language] = USUAL_PACE, "usual speech"
    return paces


def _count(paces: list[float], text: str | None, seconds: float | None) -> None:
    if text and seconds and seconds > 2 * START_S:  # shorter ones say little
        paces.append(letters(text) / (seconds - START_S))


def _measured(file: Delivered, text: str | None, paces: Mapping[str, tuple[float, str]]) -> Delivered:
    """Whether it can be what its text says, and is loud and clean enough."""
    seconds, level, noise = file.seconds, file.level, file.noise
    if file.verdict is not Verdict.TAKEN or seconds is None or level is None or noise is None:
        return file
    reasons = []
    if text:
        pace, whose = paces[file.language]
        expected = START_S + letters(text) / pace
        file = replace(file, expected_s=expected)
        length = f"{seconds:.1f} s of speech for {letters(text)} letters, about {expected:.1f} s by {whose}"
        if seconds < SHORTEST * expected - SHORT_LEEWAY_S:
            reasons.append(f"is too short ({length}): is its end missing, or is it another text?")
        if seconds > LONGEST * expected + LONG_LEEWAY_S:
            reasons.append(f"is too long ({length}): is there something else in it, or is it another text?")
    if level < QUIETEST_SPEECH:
        reasons.append(f"is too quiet (speech at {level:.0f} dBFS); record it again with more gain")
    quiet = f"its quietest {NOISE_S:g} s are only {noise:.0f} dB below the speech"
    if noise < NOISY:
        reasons.append(f"is noisy: {quiet}; record it in a quieter room, with half a second of silence at both ends")
    if reasons:
        return _again(file, "; ".join(reasons))
    if noise < BEST_NOISE:
        return replace(file, reason=f"{quiet}; in a quiet room, with silence at both ends, they are {BEST_NOISE:g}")
    return file
