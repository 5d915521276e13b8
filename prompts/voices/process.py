"""Voices in separate processes with a time limit, so that a fault of an engine stays there.

`VoicePool.speak` is the only entry point. It may be called from several threads; each call has its own process.
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
import time
from collections import Counter, defaultdict
from typing import IO

import numpy as np
from numpy.typing import NDArray

from prompts.voices import Voice
from wire.errors import UserError

HANGS_BEFORE_GIVING_UP = 3
"""Consecutive hangs. A voice that always hangs would otherwise delay the build once per prompt."""
RATES = range(8_000, 96_001)
"""Plausible sample rates in Hz."""
LONGEST_SPEECH = 64 * 1024 * 1024
"""In bytes; more than that cannot be one prompt."""


class VoiceError(UserError):
    """A voice did not speak; the message gives the reason in one clause."""


class VoiceHangError(VoiceError):
    """A voice did not answer in time."""


class _VoiceProcess:
    """The process of one engine; it speaks one text at a time."""

    def __init__(self, voice: Voice, scratch: str) -> None:
        memory = [str(voice.limits.memory)] if voice.limits else []
        # Pico reads memory that it never wrote: filled with zeros, a text sounds the same after any other text. Engines
        # that allocate much do not need it, and would take 7 % longer.
        filled = {} if voice.limits else {"MALLOC_PERTURB_": "255"}
        self.printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "prompts.voices.worker", voice.module, *memory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.printed,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": scratch} | filled,
        )
        assert self.popen.stdin and self.popen.stdout
        self.requests, self.answers = self.popen.stdin.fileno(), self.popen.stdout.fileno()
        self.poll = select.poll()
        self.poll.register(self.answers, select.POLLIN)

    def ask(self, voice: Voice, text: str, limit: float) -> tuple[bytes, int]:
        deadline = time.monotonic() + limit
        request = {"text": text, "name": voice.name, "settings": dict(voice.settings), "limit": limit + 1}
        try:
            os.write(self.requests, json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise VoiceError(self._last_words()) from None
        buffer = bytearray()
        while b"\n" not in buffer:
            buffer += self._read(deadline, limit)
        line, _, rest = bytes(buffer).partition(b"\n")
        header = json.loads(line)
        if "error" in header:
            raise VoiceError(f"refused: {header['error']}")
        if header["bytes"] > LONGEST_SPEECH:
            raise VoiceError(f"made {header['bytes']:,} bytes of sound for one text")
        samples = bytearray(rest)
        while len(samples) < header["bytes"]:
            samples += self._read(deadline, limit)
        return bytes(samples), header["rate"]

    def _read(self, deadline: float, limit: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0 or not self.poll.poll(1_000 * left):
            raise VoiceHangError(f"did not answer within {limit:g} s; its process was stopped")
        data = os.read(self.answers, 1 << 16)
        if not data:
            raise VoiceError(self._last_words())
        return data

    def _last_words(self) -> str:
        try:
            status = self.popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "closed its output without an answer"
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        self.printed.seek(0)
        lines = self.printed.read(1 << 20).decode(errors="replace").strip().splitlines()
        return f"ended with {how}" + (f" ({lines[-1][:200]})" if lines else "")

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout, self.printed):
            assert pipe
            pipe.close()


class VoicePool:
    """The processes of all voices, reused between texts (starting one takes longer than most texts)."""

    def __init__(self, limit: float) -> None:
        """Args:
        limit: Seconds that a voice may take for one text, if it does not need more (`Voice.limits`).
        """
        self.limit = limit
        # Killed processes cannot remove their own files.
        self._scratch = tempfile.TemporaryDirectory(prefix="hatif-voices-")
        self._lock = threading.Lock()
        # By engine: a process speaks with all its voices.
        self._idle: dict[str, list[_VoiceProcess]] = defaultdict(list)
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)  # of engines with one process
        self._speaking: set[_VoiceProcess] = set()
        self._hangs: Counter[Voice] = Counter()

    def speak(self, voice: Voice, text: str) -> tuple[NDArray[np.int16], int]:
        """Return mono samples and their rate in Hz.

        Raises:
            VoiceError: The voice crashed, hung, refused the text or produced no sound.
        """
        if voice.limits is None:
            return self._speak(voice, text, self.limit)
        with self._lock:
            turn = self._turns[voice.module]
        with turn:
            return self._speak(voice, text, max(self.limit, voice.limits.seconds))

    def _speak(self, voice: Voice, text: str, limit: float) -> tuple[NDArray[np.int16], int]:
        with self._lock:
            if self._hangs[voice] >= HANGS_BEFORE_GIVING_UP:
                raise VoiceError(f"was not tried, after {HANGS_BEFORE_GIVING_UP} consecutive texts without an answer")
            idle = self._idle[voice.module]
            process = idle.pop() if idle else None
        process = process or _VoiceProcess(voice, self._scratch.name)
        with self._lock:
            self._speaking.add(process)
        healthy = False
        try:
            samples, rate = process.ask(voice, text, limit)
            healthy = True
            with self._lock:
                self._hangs[voice] = 0
        except VoiceHangError:
            with self._lock:
                self._hangs[voice] += 1
            raise
        finally:
            with self._lock:
                self._speaking.remove(process)
            # A process that failed once is not reused.
            if healthy:
                with self._lock:
                    self._idle[voice.module].append(process)
            else:
                process.close()
        if not samples or rate not in RATES:
            raise VoiceError(
                "produced no sound for this text" if not samples else f"spoke at an impossible rate ({rate} Hz)"
            )
        return np.frombuffer(samples[: len(samples) // 2 * 2], dtype=np.int16), rate

    def suspend(self) -> None:
        """Stop what is being spoken where it is, until `resume`. Idempotent."""
        with self._lock:
            for process in self._speaking:
                process.popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let all voices go on. Idempotent."""
        with self._lock:
            for process in (*self._speaking, *(process for idle in self._idle.values() for process in idle)):
                process.popen.send_signal(signal.SIGCONT)

    def interrupt(self) -> None:
        """End whatever is being spoken: `speak` raises VoiceError. The next text gets a new process."""
        with self._lock:
            for process in self._speaking:
                process.popen.kill()

    def close(self) -> None:
        """Stop all processes and remove their files; no thread may be speaking."""
        with self._lock:
            for process in [process for idle in self._idle.values() for process in idle]:
                process.close()
            self._idle.clear()
        self._scratch.cleanup()

    def __enter__(self) -> VoicePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
