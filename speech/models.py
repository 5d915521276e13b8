"""Which model a language has: one of Vosk's that the administrator brought, else the packaged recogniser.

HATIF_HOME/speech/vosk/LANGUAGE      a Vosk model (`hatif speech install`)
HATIF_HOME/speech/whisper-base       the packaged recogniser, brought without a network
~/.cache/hatif/whisper-base          the packaged recogniser (`hatif speech fetch`)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from speech import packaged
from speech.packaged import PackagedError

VOSK = "vosk"
"""The folder of Vosk's models, one a language."""
NOTE = "hatif.json"
"""In a model's folder: what was installed, when and from what."""
FORMER = ".former-"
"""Before the language: the folder of a model while another one takes its place, where that takes two steps."""
_NEEDED = {"graph/": ("am/final.mdl", "conf/mfcc.conf"), "": ("final.mdl", "mfcc.conf")}
"""The files that a model has beside its graph, by the folder of the graph."""


class Engine(StrEnum):
    """The engine that runs a model."""

    VOSK = "vosk"
    WHISPER = "whisper"


@dataclass(frozen=True, slots=True)
class Model:
    """A model on this machine. `name`: as its makers call it; `grammar`: it can be limited to given words."""

    engine: Engine
    name: str
    folder: Path
    grammar: bool = False


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a machine.

    `home`: the folder `speech` of HATIF_HOME; `cache`: this user's folder, which all checkouts share.
    """

    home: Path
    cache: Path

    @property
    def vosk(self) -> Path:
        """The folder of Vosk's models."""
        return self.home / VOSK

    def vosk_folder(self, language: str) -> Path:
        """Return where the Vosk model of a language is, if it has one."""
        folder, former = self.vosk / language, self.vosk / f"{FORMER}{language}"
        return former if former.is_dir() and not folder.exists() else folder

    @property
    def packaged_folders(self) -> tuple[Path, Path]:
        """Where the packaged recogniser is looked for: the administrator's folder, and the user's cache."""
        return self.home / packaged.NAME, self.cache / packaged.NAME

    def packaged(self) -> Model:
        """Return the packaged recogniser.

        Raises:
            PackagedError: It is not on this machine.
        """
        return Model(Engine.WHISPER, packaged.NAME, packaged.find(self.packaged_folders))

    def brought(self) -> Mapping[str, Model]:
        """Return the models that the administrator brought, by language."""
        try:
            names = sorted({path.name.removeprefix(FORMER) for path in self.vosk.iterdir() if path.is_dir()})
        except OSError:
            return {}
        folders = {name: self.vosk_folder(name) for name in names if not name.startswith(".")}
        return {name: vosk_model(folder) for name, folder in folders.items() if is_vosk(folder)}

    def find(self, language: str) -> Model | None:
        """Return the model of a language; None if it has none."""
        folder = self.vosk_folder(language)
        if is_vosk(folder):
            return vosk_model(folder)
        try:
            model = self.packaged()
            return model if language in packaged.languages(model.folder) else None
        except (PackagedError, OSError):
            return None


def is_vosk(folder: Path) -> bool:
    """Return whether a folder has what every model of Vosk's has, in its present layout or in the former one."""
    return any(
        all((folder / name).is_file() for name in (*_NEEDED[layout], *graph))
        for layout in _NEEDED
        for graph in ((f"{layout}HCLG.fst",), (f"{layout}HCLr.fst", f"{layout}Gr.fst"))
    )


def vosk_model(folder: Path) -> Model:
    """Return the model of Vosk's in a folder."""
    try:
        name = str(json.loads((folder / NOTE).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        name = f"{VOSK} {folder.name}"
    return Model(Engine.VOSK, name, folder, grammar=any((folder / layout / "Gr.fst").is_file() for layout in _NEEDED))
