"""The process that writes down sounds: `python -m speech.transcriber ENGINE FOLDER MEMORY THREADS`.

One request per line on standard input: {"file", "language", "others", "limit"}, `limit` in seconds of processor time.
It answers with lines of JSON: {"ready"} once the model is loaded, then one per request, {"text", "language",
"confidence"} or {"error"}. What engines print goes to standard error. MEMORY: how many bytes it may allocate.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

from speech.models import Engine

_PR_SET_PDEATHSIG = 1


def main(engine: Engine, folder: Path, memory: int, threads: int) -> None:
    """Answer requests until standard input ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # whoever started it may be killed at any moment
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold what somebody said
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # it is the model on this machine that is used
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from speech import free_text  # after the limits: it loads all libraries

    recogniser = free_text.load(engine, folder, threads)
    answers.write(json.dumps({"ready": True}) + "\n")
    answers.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # Processor time, not the clock's: the process may be suspended, and others may need the machine. The signal
        # ends it even inside C code.
        signal.setitimer(signal.ITIMER_PROF, request["limit"])
        try:
            samples = free_text.read(Path(request["file"]))
            found = recogniser.transcribe(samples, request["language"], request["others"])
            answer: dict[str, object] = {
                "text": found.text,
                "language": found.language,
                "confidence": found.confidence,
            }
        except (ValueError, OSError) as error:
            answer = {"error": str(error)}
        except MemoryError:
            raise SystemExit("it needed more memory than it may have") from None
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(Engine(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
