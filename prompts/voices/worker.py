"""The process of one engine: `python -m prompts.voices.worker MODULE [MEMORY]`.

One request per line on standard input: {"text", "name", "settings", "limit"}. One answer per request: a line of JSON,
{"rate", "bytes"} followed by that many bytes of samples, or {"error"}. The engine's own output goes to
standard error. MEMORY is the number of bytes that the engine may allocate.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes that an engine may write to one file, its printed output included."""


def main(module: str, memory: int = resource.RLIM_INFINITY) -> None:
    """Answer requests until standard input ends."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    # What is allocated, not the address space, which also has libraries and what threads only reserve.
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if memory != resource.RLIM_INFINITY:
        os.nice(10)  # it computes much, and there may be calls
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # The signal ends this process even inside C code, and even if the parent process is gone.
        signal.setitimer(signal.ITIMER_REAL, request["limit"])
        try:
            samples, rate = importlib.import_module(module).speak(request["text"], request["name"], request["settings"])
            header = {"rate": rate, "bytes": len(samples)}
        except ValueError as error:
            samples, header = b"", {"error": str(error)}
        except Exception as error:
            samples, header = b"", {"error": f"{type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(header).encode() + b"\n" + samples)
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
