"""Make the audio of scripted callers, who train operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prompts import audio, files, manifest
from prompts.audio import AudioError
from prompts.build import TIME_LIMIT, speak
from prompts.training_sounds import Sentence, file_of
from prompts.voices import VOICES, Voice, voice_of
from prompts.voices.choice import TABLE, Choice
from prompts.voices.process import VoiceError, VoicePool


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build. `problems`: sentences without audio, and why."""

    made: int
    problems: tuple[str, ...]


def build(
    sentences: Iterable[Sentence],
    sounds: Path,
    *,
    voices: Mapping[str, Voice] = VOICES,
    chosen: Choice = TABLE,
) -> Built:
    """Make the audio of sentences that have none in the folder `sounds`, and remove that of others.

    Slow voices do not speak here: nobody listens to these sentences for their beauty.

    Raises:
        OSError: The folder cannot be written.
    """
    sounds.mkdir(parents=True, exist_ok=True)
    keep: set[Path] = set()
    made, problems = 0, []
    with VoicePool(TIME_LIMIT) as pool:
        for sentence in dict.fromkeys(sentences):
            file = file_of(sentence)
            if file is None:
                problems.append(f"{sentence.recording} cannot be read")
                continue
            keep.update(manifest.paths(sounds, file))
            if files.seconds_of(sounds, file) is not None:
                continue
            try:
                files.write_sound(sounds, file, _sound(sentence, pool, voices, chosen))
                made += 1
            except (AudioError, VoiceError) as error:
                problems.append(f"{sentence.recording or sentence.text} {error}")
    for path in set(sounds.iterdir()) - keep:
        path.unlink(missing_ok=True)
    return Built(made, tuple(problems))


def _sound(sentence: Sentence, pool: VoicePool, voices: Mapping[str, Voice], chosen: Choice) -> audio.Sound:
    if sentence.recording is not None:
        return audio.finish(*audio.read_recording(sentence.recording))
    voice = chosen.voice(sentence.language, voices)
    return speak(pool, voice_of(sentence.language, voices) if voice.slow else voice, sentence.text or "")
