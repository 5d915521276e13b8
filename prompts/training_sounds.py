"""Where the sounds of scripted callers are, who train operators: one for each sentence, named by what it says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from prompts import manifest


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a scripted caller: its text, or the file of its recording."""

    language: str
    text: str | None
    recording: Path | None


def file_of(sentence: Sentence) -> str | None:
    """Return the name of a sentence's sound, without an extension; None if its recording cannot be read.

    Unlike a prompt's it does not depend on the voice, so that a process that only plays it needs to know none.
    """
    if sentence.recording is None:
        return hashlib.sha256(f"{sentence.language}\0{sentence.text}".encode()).hexdigest()
    try:
        return hashlib.sha256(sentence.recording.read_bytes()).hexdigest()
    except OSError:
        return None


def sound_of(sounds: Path, sentence: Sentence) -> Path | None:
    """Return a sentence's sound in the folder `sounds` as Asterisk names it; None if there is none."""
    file = file_of(sentence)
    if file is None or not all(path.is_file() for path in manifest.paths(sounds, file)):
        return None
    return sounds / file
