"""An engine for tests: certain words make it misbehave; any other text becomes a buzz of corresponding length."""

import array
import math
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

RATE = 22_050


def speak(text: str, name: str, settings: Mapping[str, float]) -> tuple[bytes, int]:
    if name != "voice":
        raise ValueError(f"there is no voice {name}")
    sys.stdout.write("engines print where they should not\n")
    os.write(1, b"and past Python as well\n")
    if log := os.environ.get("SPOKEN_TEXTS"):
        with Path(log).open("a") as texts:
            texts.write(f"{text}\n")
    time.sleep(settings.get("takes_s", 0.0))
    if "hang" in text:
        with Path(os.environ["HANGING_PIDS"]).open("a") as pids:
            pids.write(f"{os.getpid()}\n")
        time.sleep(600)
    if "crash" in text:
        os.write(2, b"out of phonemes\n")
        os.abort()
    if "greedy" in text:
        bytearray(400_000_000)
    if "leave" in text:
        os._exit(3)
    if "mute" in text:
        return bytes(RATE), RATE
    if "nothing" in text:
        return b"", RATE
    # A fifth of a second, again and again: computing all of it would be most of these tests' time.
    count, pitch = RATE * len(text) // 15, 100 + 5 * (sum(text.encode()) % 97)
    turns = [math.tau * i / RATE for i in range(RATE // 5)]
    buzz = array.array("h", (int(8_000 * math.sin(pitch * at) * (0.6 + 0.4 * math.sin(5 * at))) for at in turns))
    return (buzz * (1 + count // len(buzz)))[:count].tobytes(), RATE
