"""The process in which one engine speaks: `python -m prompts.voices.worker MODULE`.

One request a line on standard input: {"text", "name", "settings", "limit"}. One answer each: a line of JSON,
{"rate", "bytes"} followed by that many bytes of samples, or {"error"}. Whatever the engine itself prints goes to
standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes that an engine may write into one file, what it prints included."""


def main(module: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # Ends this process inside C code as well, and when whoever asked is no longer there to do it.
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
    main(sys.argv[1])
