"""The process that writes down sounds, from outside: a fault of a recogniser stays there.

It can be suspended, and goes on where it was. It ends with us.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from speech.models import Engine, Model
from speech.transcript import Transcript

MEMORY = 1_500_000_000
"""Bytes that the packaged recogniser may allocate; measured: 0.45 GB."""
_OF_ITS_SIZE = 4
"""How many times the size of a model of Vosk's its process may allocate, beside 1 GB; measured: 2.5 times."""
LOAD_S, PER_S = 120.0, 20.0
"""Seconds of processor time for loading a model, and for each second of sound; measured: 3, and 0.4."""
_SLOWEST = 50
"""How many times the processor time may pass on the clock, of a process that has only what nobody else wants."""
_TICK_S = 0.2


class ModelError(Exception):
    """The model cannot be loaded: the message gives the reason in one clause."""


class TranscriberError(Exception):
    """A sound was not written down, and would not be the next time: the message gives the reason in one clause."""


class TranscriberCrashError(TranscriberError):
    """The process ended, or hung. The next one may succeed."""


class Transcriber:
    """One process with one model, used by one thread; `suspend`, `resume` and `interrupt` may come from any."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        memory = MEMORY
        if model.engine is Engine.VOSK:
            size = sum(file.stat().st_size for file in model.folder.rglob("*") if file.is_file())
            memory = 1_000_000_000 + _OF_ITS_SIZE * size
        self.model = model
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        self._lock = threading.Lock()
        self._suspended = False
        self._is_loaded = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "speech.transcriber", model.engine, model.folder, str(memory), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": str(threads)},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def transcribe(self, file: Path, seconds: float, language: str | None, others: Collection[str]) -> Transcript:
        """Return what is said in a WAV file of this length.

        Raises:
            ModelError: The model cannot be loaded.
            TranscriberCrashError: The process ended or hung; it cannot be used again.
            TranscriberError: The file cannot be read.
        """
        self._load()
        limit = 60 + PER_S * seconds
        request = {"file": str(file), "language": language, "others": sorted(others), "limit": limit}
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise TranscriberCrashError(self._last_words()) from None
        answer = json.loads(self._line(_SLOWEST * limit))
        if "error" in answer:
            raise TranscriberError(str(answer["error"]))
        return Transcript(str(answer["text"]), answer["language"], float(answer["confidence"]))

    def _load(self) -> None:
        """Wait until the model is loaded."""
        if not self._is_loaded:
            try:
                self._line(_SLOWEST * LOAD_S)
            except TranscriberCrashError as error:
                raise ModelError(str(error)) from None
            self._is_loaded = True

    def _line(self, limit: float) -> bytes:
        assert self._process.stdout
        line, awake_s = bytearray(), 0.0
        while not line.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], _TICK_S)[0]:
                awake_s += 0.0 if self._suspended else _TICK_S
                if awake_s > limit:
                    raise TranscriberCrashError(f"did not answer within {limit:.0f} s; its process was stopped")
                continue
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                raise TranscriberCrashError(self._last_words())
            line += data
        return bytes(line)

    def _last_words(self) -> str:
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        if status == -signal.SIGPROF:
            return "took too long"
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        self._printed.seek(0)
        lines = self._printed.read(1 << 20).decode(errors="replace").strip().splitlines()
        return f"ended with {how}" + (f" ({lines[-1][:200]})" if lines else "")

    def suspend(self) -> None:
        """Stop where it is. Idempotent."""
        self._signal(signal.SIGSTOP, suspended=True)

    def resume(self) -> None:
        """Go on. Idempotent."""
        self._signal(signal.SIGCONT, suspended=False)

    def _signal(self, number: signal.Signals, *, suspended: bool) -> None:
        with self._lock, suppress(ProcessLookupError):
            self._suspended = suspended
            if self._process.returncode is None:
                self._process.send_signal(number)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._process.kill()  # a suspended process too
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._printed):
            assert pipe
            with suppress(BrokenPipeError):
                pipe.close()

    def __enter__(self) -> Transcriber:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
