"""Short audio for the lines of the tests: each prompt is at most half a second of a noise of its own.

No caller of a test waits for the end of a sentence, and still each hears one prompt in one language: two of these
noises are less alike than two sentences. Tests about the words themselves use the fixture `words`.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from prompts import g711, g722, manifest

SECONDS = 0.5
"""As long as it takes until a key counts as an answer to what was heard, not as typed ahead (ivr/call/call.py)."""
_LEVEL = 3000
"""The root mean square: as loud as speech."""


def short_audio(made: Path, cache: Path) -> Path:
    """Return a folder in `cache` like `made`, with short audio of the same names; it is made when `made` changes."""
    listed = (made / manifest.FILE).read_bytes()
    short = cache / f"short_{hashlib.sha256(listed + Path(__file__).read_bytes()).hexdigest()[:16]}"
    with manifest.locked(cache):
        if not short.exists():
            for old in cache.glob("short_*"):
                shutil.rmtree(old)
            _make(json.loads(listed), made, unfinished := cache / "short_unfinished")
            unfinished.rename(short)
    return short


def _make(prompts: dict[str, dict[str, dict[str, object]]], made: Path, short: Path) -> None:
    short.mkdir()
    for path in made.iterdir():
        if path.is_file() and not path.name.startswith("."):  # pauses and tones
            shutil.copy(path, short)
    for language, entries in prompts.items():
        (short / language).mkdir()
        for prompt, entry in entries.items():
            entry["seconds"] = min(SECONDS, float(str(entry["seconds"])))
            _write(short, str(entry["file"]), f"{language}/{prompt}", float(str(entry["seconds"])))
            for path in manifest.paths(short, str(entry["file"])):
                path.with_name(f"{prompt}{path.suffix}").symlink_to(path.name)  # for the dialplan
    (short / manifest.FILE).write_text(json.dumps(prompts))


def _write(short: Path, file: str, name: str, seconds: float) -> None:
    random = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    noise = random.normal(0, _LEVEL, round(seconds * manifest.BYTES_S)).clip(-32768, 32767).astype(np.int16)
    silent = round(manifest.KEPT_S * manifest.BYTES_S)
    noise[:silent] = noise[-silent:] = 0
    encoded = (
        g711.ulaw(noise),
        g711.alaw(noise),
        g722.encode(np.repeat(noise, 2).astype("<i2").tobytes()),
    )
    for path, sound in zip(manifest.paths(short, file), encoded, strict=True):
        path.write_bytes(sound)
