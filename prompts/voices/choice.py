"""The voices of a site: Kokoro where it speaks the language, else the table's; `[voices]` names others.

    [voices]
    fr = "piper:fr_FR-siwis-medium.onnx" # brought by the administrator
    en = "quick"                         # the table's

`folder` always contains these voices: `piper/` and `kokoro/` with models. If a
configured voice is missing, callers lose nothing: the language keeps its existing audio, and the table's voice speaks
new texts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prompts.voices import VOICES, Voice, VoiceMissingError, kokoro, voice_of

FORMER = ("mbrola-ar2", "mbrola-nl2")
"""Voices that only earlier versions had: their audio stays, as that of any voice that is missing."""
PIPER = "piper:"
QUICK = "quick"
"""The table's voice, where another one would be the default."""
_KNOWN = f"{kokoro.NAME}, {QUICK}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The configured voices by language; `missing` gives the reason for each that cannot be used."""

    named: Mapping[str, str] = field(default_factory=dict)
    voices: Mapping[str, Voice] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def voice(self, language: str, table: Mapping[str, Voice] = VOICES) -> Voice:
        """Return the voice that speaks new texts of a language."""
        return self.voices.get(language) or voice_of(language, table)

    @property
    def any_slow(self) -> bool:
        """Whether some language is to have a slow voice, installed or not."""
        return any(map(is_slow, self.named.values()))


TABLE = Choice()
"""Only the table's voices."""


def wanted(configured: Mapping[str, str], languages: Iterable[str], *, slow: bool = True) -> dict[str, str]:
    """Return the names of voices by language: those configured, else Kokoro where it speaks the language.

    A language without a name, or that is configured as quick, has the table's voice.

    Args:
        slow: Whether slow voices count; otherwise, they are not even looked for.
    """
    names = {language: kokoro.NAME for language in languages if language in kokoro.SPEEDS} | dict(configured)
    return {language: name for language, name in names.items() if name != QUICK and (slow or not is_slow(name))}


def is_slow(name: str) -> bool:
    """Return whether a voice is too slow for anybody to wait for it (`Voice.slow`), by its name in `[voices]`."""
    return name == kokoro.NAME or name.startswith(PIPER)


def comes_by_itself(name: str) -> bool:
    """Return whether the background gets a voice that is not here, by its name in `[voices]`."""
    return name == kokoro.NAME


def mistake(language: str, name: str) -> str | None:
    """Return what is wrong with a name in `[voices]`, independent of what is installed; None if it is valid."""
    if name.startswith(PIPER):
        return None if name.endswith(".onnx") else f"{name!r} does not name a model; write {PIPER}NAME.onnx"
    if name == QUICK or name in FORMER:
        return None
    if name == kokoro.NAME:
        return None if language in kokoro.SPEEDS else f"{name!r} does not speak {language}; delete the line"
    return f"{name!r} is not an available voice; write one of {_KNOWN}, or {PIPER}NAME.onnx"


def choose(named: Mapping[str, str], folder: Path) -> Choice:
    """Find the voices named in `[voices]`; those that cannot be used are in `missing`. Never raises."""
    voices, missing = {}, {}
    for language, name in named.items():
        try:
            voices[language] = find(language, name, folder)
        except VoiceMissingError as error:
            missing[language] = str(error)
    return Choice(dict(named), voices, missing)


def find(language: str, name: str, folder: Path) -> Voice:
    """Return a voice by its name in `[voices]`.

    Raises:
        VoiceMissingError: The voice cannot be used here.
    """
    if reason := mistake(language, name):
        raise VoiceMissingError(reason)
    if name == kokoro.NAME:
        return kokoro.voice(language, folder / kokoro.NAME)
    if name in FORMER:
        raise VoiceMissingError(
            "MBROLA's voices are no longer supported; delete the line, and the default voice speaks"
        )
    return _piper(language, name, folder / "piper")


def _piper(language: str, name: str, folder: Path) -> Voice:
    model = folder / name.removeprefix(PIPER)  # an absolute path replaces the folder
    description = Path(f"{model}.json")
    for file in (model, description):
        if not file.is_file():
            raise VoiceMissingError(f"the file {file} does not exist; put it there, or correct its name in site.toml")
    spoken = _spoken(description)
    if spoken is not None and spoken != language:
        raise VoiceMissingError(f"according to {description} it speaks {spoken}, not {language}; choose another one")
    if importlib.util.find_spec("piper") is None:
        command = f"{sys.executable} -m pip install --require-hashes -r requirements/piper.txt"
        raise VoiceMissingError(f"the package piper-tts is not installed; run `{command}`")
    identity = tuple(_digest(file) for file in (model, description))
    return Voice(name, "prompts.voices.piper", str(model), packages=("piper-tts",), identity=identity, slow=True)


def piper_language(name: str, folder: Path) -> str | None:
    """Return the language of a model in `folder` according to its description; None if unknown."""
    try:
        return _spoken(Path(f"{folder / 'piper' / name.removeprefix(PIPER)}.json"))
    except VoiceMissingError:
        return None


def _spoken(description: Path) -> str | None:
    """Return the language of a model according to its description; None if the description does not say.

    Raises:
        VoiceMissingError: The description cannot be read as JSON.
    """
    try:
        content = json.loads(description.read_bytes())
    except (OSError, ValueError) as error:
        raise VoiceMissingError(f"{description} cannot be read ({error}); download it again") from None
    for part, key in (("language", "family"), ("language", "code"), ("espeak", "voice")):
        value = content.get(part, {}) if isinstance(content, dict) else {}
        if isinstance(value, dict) and isinstance(value.get(key), str):
            return str(value[key]).replace("-", "_").partition("_")[0].lower()
    return None


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise VoiceMissingError(f"{file} cannot be read ({error.strerror}); make it readable") from None
