"""Installing a model of Vosk's that an administrator brings: a folder, or an archive, which nobody has checked before.

Nothing outside of the new folder is written, and a model is there whole, loaded once for a trial, or not at all.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from speech import exchange
from speech.models import FORMER, NOTE, Model, Models, is_vosk, vosk_model

LARGEST = 12_000_000_000
"""Bytes of a model, unpacked; the largest that Vosk's makers list has some 4 GB."""
MOST_FILES = 2_000
"""Files of a model; those of Vosk's makers have some 20."""
LOAD_S = 600
"""Seconds that a model may take to load."""
LEAVES = 500_000_000
"""Bytes that stay free on the disk."""
_CHUNK = 1 << 20
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NAMED = re.compile(r"vosk-model-(?:small-|big-)?(?P<language>[a-z]{2,3})(?![a-z])")
_ALSO = {"cn": "zh", "kz": "kk", "ua": "uk", "gr": "el"}
"""Codes in names of Vosk's models that are no codes of languages."""


_TRIAL = "import sys; from speech.vosk import Model, Recogniser; Recogniser(Model(sys.argv[1])).end()"


class InstallError(Exception):
    """A model that was not installed: the message is one sentence with the reason and a remedy."""


def language_of(source: Path) -> str | None:
    """Return the language that the name of a model says; None if it says none."""
    found = _NAMED.search(source.name.lower().replace("_", "-"))
    return None if found is None else _ALSO.get(found["language"], found["language"])


def install(
    source: Path, language: str, models: Models, *, replace: bool = False, try_it: Callable[[Path], None] | None = None
) -> Model:
    """Install a model for a language and return it.

    Args:
        source: A folder, or an archive (zip or tar).
        replace: Whether a model that the language has is replaced, and not a reason to refuse.
        try_it: Loads a model, or raises InstallError; by default `load_once`.

    Raises:
        InstallError: It was refused; nothing has changed.
    """
    if not _LANGUAGE.fullmatch(language):
        raise InstallError(f"{language!r} is not the code of a language: write one such as fr.")
    target = models.vosk / language
    try:
        models.vosk.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(models.vosk):
            _clear_up(models)
            if target.exists() and not replace:
                raise InstallError(
                    f"{language} has a model already, {vosk_model(target).name}: add --replace, or remove it first."
                )
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=models.vosk))
            try:
                return _install(source, draft, models, language, try_it or load_once)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise InstallError(f"{error.filename or source}: {why}; nothing was installed.") from None


def remove(language: str, models: Models) -> bool:
    """Remove the model of a language; return False if it has none.

    Raises:
        InstallError: It could not be removed.
    """
    folder = models.vosk / language
    if not _LANGUAGE.fullmatch(language) or not models.vosk_folder(language).is_dir():
        return False
    try:
        with _alone(models.vosk):
            _clear_up(models)
            aside = Path(tempfile.mkdtemp(prefix=".removed-", dir=models.vosk))
            folder.rename(aside / language)  # at once: what uses it sees a whole model, or none
            shutil.rmtree(aside)
    except OSError as error:
        raise InstallError(f"{error.filename or folder} could not be removed ({error.strerror}).") from None
    return True


def _clear_up(models: Models) -> None:
    """Put back, and remove, what installations left behind that were killed."""
    for aside in models.vosk.glob(f"{FORMER}*"):
        exchange.settle(models.vosk / aside.name.removeprefix(FORMER), aside)
    for left_behind in models.vosk.glob(".*-*"):
        shutil.rmtree(left_behind, ignore_errors=True)


def _install(source: Path, scratch: Path, models: Models, language: str, try_it: Callable[[Path], None]) -> Model:
    draft = scratch / "unpacked"
    draft.mkdir()
    if source.is_dir():
        _copy(source, draft)
    elif not source.is_file():
        raise InstallError(f"{source} does not exist.")
    else:
        with _readable(source):
            if zipfile.is_zipfile(source):
                _unzip(source, draft)
            elif tarfile.is_tarfile(source):
                _untar(source, draft)
            else:
                raise InstallError(f"{source.name} is neither a folder nor a zip or tar archive.")
    found = [Path(folder) for folder, _, _ in os.walk(draft) if is_vosk(Path(folder))]
    if len(found) != 1:
        what = "several models" if found else "no model of Vosk's (am/final.mdl, conf/mfcc.conf and graph/ are missing)"
        raise InstallError(f"{source.name} has {what}; nothing was installed.")
    model = found[0]
    try_it(model)
    name = model.name if model != draft else source.name
    if name in ("model", "models"):  # as packages have it
        name = source.name.removesuffix(".whl")
    note = {"name": name, "installed": datetime.now(UTC).isoformat(timespec="seconds"), "from": source.name}
    (model / NOTE).write_text(json.dumps(note), encoding="utf-8")
    target = models.vosk / language
    exchange.put(model, target, models.vosk / f"{FORMER}{language}")
    return vosk_model(target)


def load_once(model: Path) -> None:
    """Load a model in a process of its own, as a trial.

    Raises:
        InstallError: It cannot be loaded, or Vosk is not installed.
    """
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _TRIAL, str(model)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LOAD_S,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except subprocess.TimeoutExpired:
        raise InstallError(f"The model did not load within {LOAD_S} s; nothing was installed.") from None
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        reason = said[-1].removeprefix("speech.vosk.VoskError: ")[:200]
        raise InstallError(f"Vosk cannot load the model ({reason}); nothing was installed.")


class _Budget:
    """The size and number of files that a source may still unpack."""

    def __init__(self, draft: Path) -> None:
        self._bytes, self._files = LARGEST, MOST_FILES
        self._room = shutil.disk_usage(draft).free - LEAVES

    def file(self) -> None:
        self._files -= 1
        if self._files < 0:
            raise InstallError(f"It has more than {MOST_FILES} files, and is no model; nothing was installed.")

    def data(self, count: int) -> None:
        self._bytes -= count
        self._room -= count
        if self._bytes < 0:
            raise InstallError(f"It has more than {LARGEST // 10**9} GB, and is no model; nothing was installed.")
        if self._room < 0:
            raise InstallError("The disk has no room for it; make room, and try again. Nothing was installed.")


def _copy(source: Path, draft: Path) -> None:
    budget = _Budget(draft)
    for folder, folders, files in os.walk(source):
        inside = draft / Path(folder).relative_to(source)
        inside.mkdir(exist_ok=True)
        for name in (*folders, *files):
            path = Path(folder) / name
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise InstallError(f"{path} is a link or no file; a model has none. Nothing was installed.")
        for name in files:
            with (Path(folder) / name).open("rb") as content:
                _write(content, inside / name, budget)


def _unzip(source: Path, draft: Path) -> None:
    budget = _Budget(draft)
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir():
                continue
            if kind not in (0, stat.S_IFREG):
                raise InstallError(f"{member.filename!r} in it is a link or no file. Nothing was installed.")
            place = _place(draft, member.filename)
            with archive.open(member) as content:
                _write(content, place, budget)


def _untar(source: Path, draft: Path) -> None:
    budget = _Budget(draft)
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isfile():
                raise InstallError(f"{member.name!r} in it is a link or no file. Nothing was installed.")
            place = _place(draft, member.name)
            content = archive.extractfile(member)
            assert content is not None
            _write(content, place, budget)


def _place(draft: Path, name: str) -> Path:
    """Return where a member of an archive goes."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0] or "\0" in name or len(parts) > 12:
        raise InstallError(f"{name!r} in it would be written outside of its folder. Nothing was installed.")
    place = draft.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _write(content: IO[bytes], place: Path, budget: _Budget) -> None:
    budget.file()
    with place.open("xb") as file:
        while chunk := content.read(_CHUNK):
            budget.data(len(chunk))
            file.write(chunk)
    place.chmod(0o600)


_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError)


@contextmanager
def _readable(source: Path) -> Iterator[None]:
    """Raise InstallError for an archive that is damaged, or encrypted."""
    try:
        yield
    except FileExistsError as error:
        raise InstallError(f"{source.name} has a file twice ({error.filename}). Nothing was installed.") from None
    except _DAMAGED as error:
        raise InstallError(f"{source.name} is damaged or encrypted ({error}). Nothing was installed.") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one installation run at a time; the next one waits."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)
