"""Which voice speaks what in a site: the table's, unless the administrator switched another one on in `[voices]`.

    [voices]
    nl = "mbrola-nl2"                    # installed on request
    fr = "piper:fr_FR-siwis-medium.onnx" # brought by the administrator

`folder` is everywhere where these voices are: `mbrola/` with Debian's packages, `piper/` with models. One that is not
there takes nothing away from callers: the language keeps the audio that it has, and new texts get the table's voice.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prompts.voices import VOICES, Voice, licences, voice_of

MBROLA = {"mbrola-ar2": "ar", "mbrola-nl2": "nl"}
"""The language that each speaks."""
PIPER = "piper:"
_KNOWN = ", ".join(sorted(MBROLA))


class VoiceMissingError(Exception):
    """A voice that is switched on cannot be used here; the message says why and what to do, in one clause."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The voices that are switched on, by language. `missing`: why one of them cannot be used."""

    named: Mapping[str, str] = field(default_factory=dict)
    voices: Mapping[str, Voice] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def voice(self, language: str, table: Mapping[str, Voice] = VOICES) -> Voice:
        """The voice that speaks new texts of a language."""
        return self.voices.get(language) or voice_of(language, table)


TABLE = Choice()
"""No voice is switched on."""


def mistake(language: str, name: str) -> str | None:
    """What is wrong with a name in `[voices]`, whatever is installed; None if nothing is."""
    if name.startswith(PIPER):
        return None if name.endswith(".onnx") else f"{name!r} names no model; write {PIPER}NAME.onnx"
    if name not in MBROLA:
        return f"{name!r} is no voice that can be switched on; write one of {_KNOWN}, or {PIPER}NAME.onnx"
    if language != MBROLA[name]:
        return f"{name!r} speaks {MBROLA[name]}; write a voice that speaks {language}, or delete the line"
    return None


def choose(named: Mapping[str, str], folder: Path) -> Choice:
    """Looks for the voices that `[voices]` names. What cannot be used is in `missing`; nothing raises."""
    voices, missing = {}, {}
    for language, name in named.items():
        try:
            voices[language] = find(language, name, folder)
        except VoiceMissingError as error:
            missing[language] = str(error)
    return Choice(dict(named), voices, missing)


def find(language: str, name: str, folder: Path) -> Voice:
    """A voice by the name that the site has for it. VoiceMissingError: it cannot be used here."""
    if wrong := mistake(language, name):
        raise VoiceMissingError(wrong)
    return _piper(language, name, folder / "piper") if name.startswith(PIPER) else _mbrola(name, folder / "mbrola")


def _mbrola(name: str, folder: Path) -> Voice:
    package, accepted = name, licences.read(folder)
    short = name.removeprefix("mbrola-")
    file = folder / "root" / "usr/share/mbrola" / short / short
    remedy = "run `hatif prompts voices install mbrola`"
    if not file.is_file():
        raise VoiceMissingError(f"it is not installed; {remedy}")
    if accepted is None or package not in accepted.licences:
        raise VoiceMissingError(f"its licence has not been accepted; {remedy}")
    versions = tuple(f"{package}={version}" for package, version in sorted(accepted.versions.items()))
    return Voice(name, "prompts.voices.mbrola", str(file), identity=(short, *versions))


def _piper(language: str, name: str, folder: Path) -> Voice:
    model = folder / name.removeprefix(PIPER)  # an absolute path stands for itself
    description = Path(f"{model}.json")
    for file in (model, description):
        if not file.is_file():
            raise VoiceMissingError(f"there is no file {file}; put it there, or correct its name in site.toml")
    spoken = _spoken(description)
    if spoken is not None and spoken != language:
        raise VoiceMissingError(f"{description} says that it speaks {spoken}, not {language}; name another one")
    if importlib.util.find_spec("piper") is None:
        command = f"{sys.executable} -m pip install --require-hashes -r requirements/piper.txt"
        raise VoiceMissingError(f"the package piper-tts is not installed; run `{command}`")
    identity = tuple(_digest(file) for file in (model, description))
    return Voice(name, "prompts.voices.piper", str(model), packages=("piper-tts",), identity=identity)


def piper_language(name: str, folder: Path) -> str | None:
    """The language of a model in `folder`, as far as its description tells."""
    try:
        return _spoken(Path(f"{folder / 'piper' / name.removeprefix(PIPER)}.json"))
    except VoiceMissingError:
        return None


def _spoken(description: Path) -> str | None:
    """The language of a model by its description; None where it does not say. VoiceMissingError: it is no JSON."""
    try:
        content = json.loads(description.read_bytes())
    except (OSError, ValueError) as error:
        raise VoiceMissingError(f"{description} cannot be read ({error}); fetch it again") from None
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
