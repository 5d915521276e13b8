"""Import a studio's files: each is checked by itself and against its text, and the good ones become recordings.

Nothing is lost: refused files stay where they are, and an existing recording is only replaced on request.
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

from prompts import audio, files, loudness, readings
from prompts.audio import AudioError, Samples
from prompts.catalogue import Catalogues
from prompts.manifest import Manifest
from prompts.script import letters
from wire.errors import UserError

LARGEST = 60_000_000
"""Largest file in bytes: three minutes of 24 bit at 96 kHz."""
QUIETEST_SPEECH = -45.0
"""In dBFS: below this, levelling all prompts makes the studio's own noise audible."""
NOISY, BEST_NOISE = 20.0, 30.0
"""Distance of noise from speech in dB: below the first the text must be recorded again, below the second we warn."""
NOISE_S = 0.1
"""Noise is the power of the quietest stretch of this many seconds."""
START_S = 0.3
"""Fixed part of each recording's expected length, in seconds; the rest follows from the pace."""
USUAL_PACE = 13.0
"""Letters per second for a language without data."""
ENOUGH = 8
"""Number of recordings that establish the speaker's pace; with fewer, the voice's pace counts."""
SHORTEST, LONGEST = 0.5, 2.0
"""Limits as multiples of a text's expected length."""
SHORT_LEEWAY_S, LONG_LEEWAY_S = 0.1, 0.4
"""Additional leeway in seconds: speakers differ most in single words."""

_FORMATS = (".wav", ".flac")


class ImportingError(UserError, ValueError):
    """A folder without recordings; the message says how it should look."""


class Verdict(StrEnum):
    """The outcome for a delivered file."""

    TAKEN = "taken"
    THERE = "there already"
    AGAIN = "record again"
    REFUSED = "refused"  # recording it again does not help: wrong name, a copy, or another recording exists


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One delivered file and its verdict."""

    file: str  # path in the folder
    language: str
    id: str  # empty if not named after a text
    verdict: Verdict
    reason: str  # why it was refused, or what could be better
    seconds: float | None = None  # of speech; None if unreadable
    expected_s: float | None = None
    level: float | None = None  # active level in dBFS
    noise: float | None = None  # in dB below the level


@dataclass(frozen=True, slots=True)
class _Readable:
    """A file with usable audio; `wav` is the content to store."""

    file: DeliveredFile
    wav: bytes
    fingerprint: str  # equal for equal audio


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
) -> tuple[list[DeliveredFile], dict[Path, bytes]]:
    """Judge the files of a folder; return the verdicts, and the content to write by path.

    Args:
        folder: Holds `LANGUAGE/ID.wav`, or with `language` also `ID.wav`.
        heard: The current audio, whose pace counts while a language has few recordings.
        replaced: Whether a file replaces an existing, different recording.

    Raises:
        ImportingError: The folder does not exist or is empty.
    """
    found = list(_files(folder))
    if not found:
        want = "ID.wav" if language else "LANGUAGE/ID.wav, or ID.wav with --language"
        raise ImportingError(f"{folder}: the folder is empty; name a studio's recordings {want}")
    results: list[DeliveredFile] = []
    sounds: list[_Readable] = []
    named = [_identify(path, folder, texts, language) for path in found]
    places = Counter((file.language, file.id) for file in named if file.id)
    for done, (path, file) in enumerate(zip(found, named, strict=True), start=1):
        if not file.id:
            results.append(file)
        elif places[file.language, file.id] > 1:
            results.append(_refused(file, "exists more than once; keep the right one"))
        else:
            judged = _check_audio(path, file)
            (sounds if isinstance(judged, _Readable) else results).append(judged)  # type: ignore[arg-type]
        progress(done, len(found), file.file)
    paces = _paces(texts, recordings, heard, [sound.file for sound in sounds])
    wanted: dict[Path, bytes] = {}
    for sound in _reject_copies(sounds, texts):
        judged = _check_against_text(sound.file, texts.text(sound.file.language, sound.file.id), paces)
        place = recordings / judged.language / f"{judged.id}.wav"
        if judged.verdict is Verdict.TAKEN and place.is_file():
            if place.read_bytes() == sound.wav:
                judged = replace(judged, verdict=Verdict.THERE)
            elif not replaced:
                judged = _refused(
                    judged, f"a different recording exists ({place}); use --replace to take this one instead"
                )
        if judged.verdict is Verdict.TAKEN:
            wanted[place] = sound.wav
        results.append(judged)
    return sorted(results, key=lambda result: result.file), wanted


def write_recordings(wanted: Mapping[Path, bytes]) -> None:
    """Write the recordings, each atomically.

    Raises:
        OSError: The disk is full or not writable.
    """
    for place, content in wanted.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write(place, content, settled=True)


def save_readings(found: Iterable[DeliveredFile], texts: Catalogues, recordings: Path) -> None:
    """Store the texts spoken by the recordings that were taken or existed already.

    Raises:
        OSError: As for `write_recordings`.
    """
    read: dict[str, dict[str, tuple[str, str]]] = {}
    for file in found:
        if file.verdict in (Verdict.TAKEN, Verdict.THERE):
            fingerprint = readings.fingerprint((recordings / file.language / f"{file.id}.wav").read_bytes())
            text = texts.text(file.language, file.id) or ""
            read.setdefault(file.language, {})[file.id] = (fingerprint, text)
    for language, known in read.items():
        readings.add(recordings / language, known)


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ImportingError(f"{folder}: no such folder")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _identify(path: Path, folder: Path, texts: Catalogues, language: str | None) -> DeliveredFile:
    """Tell from a file's name which text it is a recording of."""
    parts = path.relative_to(folder).parts
    file, spoken = "/".join(parts), language or ""
    nothing = DeliveredFile(file, spoken, "", Verdict.REFUSED, "")
    if path.suffix.lower() not in _FORMATS:
        return replace(nothing, reason="is not a WAV or FLAC file; export it as one")
    match parts:
        case [own, _] if language in (None, own):
            spoken = own
        case [_] if language:
            pass
        case _:
            where = f"{language}/ID.wav or ID.wav" if language else "LANGUAGE/ID.wav, or give --language"
            return replace(nothing, reason=f"is in the wrong place; name it {where}")
    nothing = replace(nothing, language=spoken)
    if spoken not in texts.languages:
        known = ", ".join(texts.languages)
        return replace(nothing, reason=f"is in none of the site's languages; name the folder one of {known}")
    if path.stem not in texts.ids:
        return replace(nothing, reason="is not named after a text; `hatif prompts script` lists the names")
    return replace(nothing, id=path.stem, verdict=Verdict.TAKEN)


def _refused(file: DeliveredFile, reason: str) -> DeliveredFile:
    return replace(file, verdict=Verdict.REFUSED, reason=reason)


def _record_again(file: DeliveredFile, reason: str) -> DeliveredFile:
    return replace(file, verdict=Verdict.AGAIN, reason=reason)


def _check_audio(path: Path, file: DeliveredFile) -> DeliveredFile | _Readable:
    """Check what does not depend on the text."""
    try:
        if path.stat().st_size > LARGEST:
            size = path.stat().st_size // 1_000_000
            return _record_again(file, f"has {size} MB; a text may last {audio.LONGEST:g} s at most")
        wav = path.read_bytes() if path.suffix.lower() == ".wav" else _wav_of(path)
        samples, rate = audio.read_recording(io.BytesIO(wav))
        seconds = len(audio.finish(samples, rate).ulaw) / audio.NARROW
    except AudioError as error:
        return _record_again(file, str(error))
    except OSError as error:
        return _refused(file, f"could not be read ({error.strerror})")
    level = loudness.active_level(samples, rate)
    noise = level - _noise_level(samples, rate)
    fingerprint = hashlib.sha256(samples.tobytes()).hexdigest()
    return _Readable(replace(file, seconds=seconds, level=level, noise=noise), wav, fingerprint)


def _wav_of(path: Path) -> bytes:
    """Convert a FLAC file to 24 bit WAV.

    Raises:
        AudioError: The file is not FLAC.
    """
    import soundfile  # type: ignore[import-untyped]  # loads libsndfile, 50 ms; rarely needed

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


def _noise_level(samples: Samples, rate: int) -> float:
    """Return the level of the quietest `NOISE_S` in dBFS; -100 for digital silence."""
    size = round(loudness.FRAME * rate)
    power = (samples[: len(samples) // size * size].astype(np.float64).reshape(-1, size) ** 2).mean(axis=1)
    frames = min(len(power), round(NOISE_S / loudness.FRAME))
    quiet = np.convolve(power, np.full(frames, 1 / frames), mode="valid").min()
    return float(10 * np.log10(max(quiet, 1e-10)))


def _reject_copies(sounds: list[_Readable], texts: Catalogues) -> Iterator[_Readable]:
    """Reject the same audio for different texts: one file has the wrong name, and we cannot know which."""
    groups: dict[str, list[_Readable]] = {}
    for sound in sounds:
        groups.setdefault(sound.fingerprint, []).append(sound)
    for group in groups.values():
        spoken = {texts.text(sound.file.language, sound.file.id) for sound in group}
        for sound in group:
            others = ", ".join(other.file.file for other in group if other is not sound)
            if others and len(spoken) > 1:
                again = _record_again(sound.file, f"is the same audio as {others}; one of them has the wrong name")
                yield replace(sound, file=again)
            else:
                yield sound


def _paces(
    texts: Catalogues, recordings: Path, heard: Manifest, delivered: Iterable[DeliveredFile]
) -> dict[str, tuple[float, str]]:
    """Return the pace of each language in letters per second, and its origin: the recordings, or else the voice."""
    spoken: dict[str, list[float]] = {}
    for file in delivered:
        _add_pace(spoken.setdefault(file.language, []), texts.text(file.language, file.id), file.seconds)
    paces = {}
    for language, own in spoken.items():
        before: list[float] = []
        voice: list[float] = []
        for prompt, clip in heard.prompts.get(language, {}).items():
            recorded = (recordings / language / f"{prompt}.wav").is_file() and clip.source == "recording"
            _add_pace(before if recorded else voice, clip.text, clip.seconds)
        if len(own) + len(before) >= ENOUGH:
            paces[language] = statistics.median(own + before), "the other recordings"
        elif len(voice) >= ENOUGH:
            paces[language] = statistics.median(voice), "the current voice"
        else:
            paces[language] = USUAL_PACE, "usual speech"
    return paces


def _add_pace(paces: list[float], text: str | None, seconds: float | None) -> None:
    if text and seconds and seconds > 2 * START_S:  # shorter ones are not representative
        paces.append(letters(text) / (seconds - START_S))


def _check_against_text(file: DeliveredFile, text: str | None, paces: Mapping[str, tuple[float, str]]) -> DeliveredFile:
    """Check that the length fits the text, and that the speech is loud and clean enough."""
    seconds, level, noise = file.seconds, file.level, file.noise
    if file.verdict is not Verdict.TAKEN or seconds is None or level is None or noise is None:
        return file
    reasons = []
    if text:
        pace, origin = paces[file.language]
        expected = START_S + letters(text) / pace
        file = replace(file, expected_s=expected)
        length = f"{seconds:.1f} s of speech for {letters(text)} letters, about {expected:.1f} s expected from {origin}"
        if seconds < SHORTEST * expected - SHORT_LEEWAY_S:
            reasons.append(f"is too short ({length}): is the end missing, or is it another text?")
        if seconds > LONGEST * expected + LONG_LEEWAY_S:
            reasons.append(f"is too long ({length}): does it contain something else, or is it another text?")
    if level < QUIETEST_SPEECH:
        reasons.append(f"is too quiet (speech at {level:.0f} dBFS); record it again with more gain")
    quiet = f"the quietest {NOISE_S:g} s are only {noise:.0f} dB below the speech"
    if noise < NOISY:
        reasons.append(f"is noisy: {quiet}; record it in a quieter room, with half a second of silence at both ends")
    if reasons:
        return _record_again(file, "; ".join(reasons))
    if noise < BEST_NOISE:
        return replace(file, reason=f"{quiet}; aim for {BEST_NOISE:g} dB: a quiet room, and silence at both ends")
    return file
