"""The audio that `scripts/test` has built, shared by all lines of the tests until a test changes it."""

import os
import shutil
from pathlib import Path

from places import CACHE

_TRAINED = "training"


def share(made: Path, sounds: Path) -> None:
    """Make `sounds` a folder of audio whose languages are those of `made`, also if it has other audio so far.

    Copying 17,000 names would take seconds of the kernel's time.
    """
    sounds.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(made):
        path = sounds / entry.name
        if entry.is_dir():
            if path.is_symlink():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)
            path.symlink_to(entry.path)
        elif not entry.name.startswith("."):  # each folder has its own lock
            path.unlink(missing_ok=True)
            os.link(entry.path, path, follow_symlinks=False)


def own(sounds: Path, *languages: str) -> None:
    """Give `sounds` its own folders for these languages (none named: for all), before a test changes their audio.

    The line gets that of scripted callers as well, which its first build would make. The files are hard links: they may
    be replaced, but not written into.
    """
    for shared in sounds.iterdir():
        if shared.is_symlink() and shared.is_dir() and (not languages or shared.name in languages):
            made = shared.resolve()
            shared.unlink()
            shared.mkdir()
            for entry in os.scandir(made):
                os.link(entry.path, f"{shared}/{entry.name}", follow_symlinks=False)
    trained = sounds.with_name(_TRAINED)
    if (CACHE / _TRAINED).is_dir() and not trained.exists():
        shutil.copytree(CACHE / _TRAINED, trained, copy_function=os.link)
