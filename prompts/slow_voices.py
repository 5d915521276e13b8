"""Slow voices: too slow for anybody to wait until they have spoken a language, so callers hear the quick one meanwhile.

`prompts.background` makes the clips of a language, and once all are there it switches: from then on every prompt of the
language has the slow voice, and a changed text is spoken by it at once. So no version has two voices in one language.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prompts import files
from prompts.audio import AudioError, Sound
from prompts.build_report import BuildProblem
from prompts.clip_store import ClipStore
from prompts.lengths import estimate
from prompts.manifest import Audio, Manifest
from prompts.prompt_list import Key, Prompt
from prompts.voices import Voice, voice_of
from prompts.voices.choice import Choice
from prompts.voices.process import VoiceError

SOON_S = 120.0
"""Seconds of speech that a build makes while somebody waits. If more has changed, the quick voice speaks the language
until the background has made it."""
TRIES = 2

Speak = Callable[[Voice, str], Sound]
"""Speaks a text. Raises VoiceError or AudioError."""


@dataclass(frozen=True)
class SlowClip:
    """A slow voice's clip for one prompt. `voice` has the settings for it."""

    prompt: Prompt
    voice: Voice

    @property
    def key(self) -> Key:
        return self.prompt.language, self.prompt.id

    @cached_property
    def name(self) -> str:
        """Its name in the store."""
        return files.sound_hash(self.voice.fingerprint, self.prompt.text)

    @cached_property
    def file(self) -> str:
        """Its name in the manifest."""
        return files.file_name(*self.key, self.name)


SlowClips = Mapping[str, Mapping[Key, SlowClip]]
"""By the language whose voice speaks them."""


def slow_clips(prompts: Mapping[Key, Prompt], chosen: Choice, recordings: Path) -> SlowClips:
    """Return everything that slow voices are to speak: what no recording speaks."""
    found: dict[str, dict[Key, SlowClip]] = {language: {} for language, voice in chosen.voices.items() if voice.slow}
    for key, prompt in prompts.items():
        if prompt.reader not in found or prompt.unspeakable:
            continue
        if not (recordings / prompt.language / f"{prompt.id}.wav").is_file():
            voice = chosen.voices[prompt.reader]
            found[prompt.reader][key] = SlowClip(prompt, (voice.brisk if prompt.brisk else voice).of(prompt.id))
    return found


class SlowVoices:
    """Which languages of a build have their slow voice. `on` is valid after `decide`."""

    def __init__(
        self, clips: SlowClips, voices: Mapping[str, Voice], old: Manifest, sounds: Path, store: ClipStore | None
    ) -> None:
        """Args:
        voices: The quick voices.
        store: None if no slow voice is to be used.
        """
        self.clips = clips if store is not None else {}
        self.on: set[str] = set()
        self._voices, self._old, self._sounds, self._store = voices, old, sounds, store
        self._switched: Collection[str] = ()

    def decide(self, switched: Collection[str], speak: Speak) -> Iterator[BuildProblem]:
        """Decide for each language, and speak the few new texts of those that have their slow voice.

        Args:
            switched: The languages that get their slow voice with this build, in its present settings.
        """
        self._switched = switched
        for language, clips in self.clips.items():
            source = next(iter(clips.values())).voice.source if clips else ""
            used = any((audio := self._old.audio(*key)) and audio.source == source for key in clips)
            if not (used or language in switched):
                continue
            lacking = [clip for clip in clips.values() if not (self.kept(clip) or self.made(clip))]
            seconds = sum(estimate(clip.prompt.text) for clip in lacking)
            quick = voice_of(language, self._voices).source
            if seconds > SOON_S:
                found = f"{source}: {len(lacking)} texts are new, about {seconds / 60:.0f} minutes of speech"
                yield BuildProblem(language, "", found, f"{quick} speaks the language until the background has made it")
            elif fault := next((fault for clip in lacking if (fault := self._speak(clip, speak))), None):
                yield BuildProblem(language, "", fault, f"{quick} speaks the whole language meanwhile")
            else:
                self.on.add(language)

    def clip(self, key: Key, reader: str) -> SlowClip | None:
        """Return what a slow voice says for a prompt; None if the language does not have it."""
        return self.clips[reader].get(key) if reader in self.on else None

    def kept(self, clip: SlowClip) -> Audio | None:
        """Return existing audio of the same text and voice, in earlier settings too, unless they are to be replaced."""
        audio = self._old.audio(*clip.key)
        if audio is None or clip.prompt.reader in self._switched:
            return None
        same = (audio.source, audio.text) == (clip.voice.source, clip.prompt.text)
        return audio if same and files.seconds_of(self._sounds, audio.file) is not None else None

    def made(self, clip: SlowClip) -> bool:
        """Return whether a clip is already there."""
        assert self._store is not None
        return files.seconds_of(self._sounds, clip.file) is not None or self._store.seconds(clip.name) is not None

    def place(self, clip: SlowClip) -> float:
        """Put a clip into the folder of sounds and return its duration in seconds.

        Raises:
            VoiceError: It is not there.
            OSError: It cannot be written.
        """
        assert self._store is not None
        self._store.note_use(clip.name)
        seconds = self._store.place(clip.name, self._sounds, clip.file)
        if seconds is None:
            raise VoiceError("has not spoken this text yet")
        return seconds

    def _speak(self, clip: SlowClip, speak: Speak) -> str | None:
        """Make a clip; return what is wrong with it if that fails, and what to do."""
        assert self._store is not None
        try:
            return speak_into(self._store, clip, speak)
        except OSError as error:
            return (
                f"{error.filename or self._store.folder} cannot be written ({error.strerror}); make room, and try again"
            )


def speak_into(store: ClipStore, clip: SlowClip, speak: Speak) -> str | None:
    """Make a clip; if that fails twice, return what is wrong and what to do."""
    reason = ""
    for _ in range(TRIES):
        try:
            store.add(clip.name, speak(clip.voice, clip.prompt.text))
        except (VoiceError, AudioError) as error:
            reason = f"{clip.voice.source} {error}"
        else:
            return None
    name = f"{clip.prompt.language}/{clip.prompt.id}"
    return f"{name} failed {TRIES} times ({reason}); change its text, or record it as recordings/{name}.wav"
