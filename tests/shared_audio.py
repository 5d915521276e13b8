"""The audio that `scripts/test` has made, for all lines of the tests: it is shared until a test changes it."""

import os
from pathlib import Path


def share(made: Path, sounds: Path) -> None:
    """`sounds` becomes a folder of audio whose languages are those of `made`: a copy of its 17,000 names takes seconds
    of the kernel's time."""
    sounds.mkdir(parents=True)
    for entry in os.scandir(made):
        if entry.is_dir():
            (sounds / entry.name).symlink_to(entry.path)
        elif not entry.name.startswith("."):  # a lock is each folder's own
            os.link(entry.path, sounds / entry.name, follow_symlinks=False)


def own(sounds: Path, *languages: str) -> None:
    """Gives `sounds` folders of its own for these languages (none named: for all), before a test changes their audio.

    The files in them are hard links: they may be replaced, never written into.
    """
    for shared in sounds.iterdir():
        if shared.is_symlink() and shared.is_dir() and (not languages or shared.name in languages):
            made = shared.resolve()
            shared.unlink()
            shared.mkdir()
            for entry in os.scandir(made):
                os.link(entry.path, shared / entry.name, follow_symlinks=False)
