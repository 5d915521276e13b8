"""Short audio for the lines of the tests: each prompt is at most half a second of a noise of its own.

No caller of a test waits for the end of a sentence, and still each hears one prompt in one language: two of these
noises are less alike than two sentences. Tests about the words themselves use the fixture `words`.

`scripts/test` has the guide's procedures spoken in English only (`scripts/setup --guide-later`). All lines have a noise
instead in the other languages: nothing is left that `hatif up` or a build would have to speak.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ivr.home.settings import EXAMPLE
from prompts import catalogue, files, g711, g722, manifest, sources
from prompts.voices import voice_of

SECONDS = 0.5
"""As long as it takes until a key counts as an answer to what was heard, not as typed ahead (ivr/call/call.py)."""
LEFT_NOISES = 64
"""How many noises a language has for what is left: the steps of a procedure differ, and 3,000 need not be encoded."""
_LEVEL = 3000
"""The root mean square: as loud as speech."""

Prompts = dict[str, dict[str, dict[str, Any]]]
"""A manifest as JSON: what is known of each prompt, by language and prompt."""
Keys = dict[tuple[str, str], None]


def short_audio(made: Path, cache: Path, site: Path = EXAMPLE) -> Path:
    """Return a folder in `cache` like `made`, with short audio of the same names; it is made when `made` changes."""
    return _keep("short", _make_short, made, cache, site)


def spoken_audio(made: Path, cache: Path, site: Path = EXAMPLE) -> Path:
    """Return a folder with the audio of `made`, and short audio of what `made` has left for later."""
    return _keep("spoken", _make_spoken, made, cache, site) if manifest.is_left(made) else made


def _keep(kind: str, make: Callable[[Prompts, Keys, Path, Path], None], made: Path, cache: Path, site: Path) -> Path:
    listed = (made / manifest.FILE).read_bytes()
    left = (
        [file.read_bytes() for file in sorted(site.glob("locale/*/LC_MESSAGES/*.po"))] if manifest.is_left(made) else []
    )
    name = hashlib.sha256(b"".join((listed, *left, Path(__file__).read_bytes()))).hexdigest()[:16]
    kept = cache / f"{kind}_{name}"
    with manifest.locked(cache):
        if not kept.exists():
            for old in cache.glob(f"{kind}_*"):
                shutil.rmtree(old)
            (unfinished := cache / f"{kind}_unfinished").mkdir()
            for path in made.iterdir():
                if path.is_file() and not path.name.startswith(".") and path.name != manifest.LEFT:
                    shutil.copy(path, unfinished)  # pauses and tones
            prompts = json.loads(listed)
            make(prompts, _add_left(prompts, site) if left else {}, made, unfinished)
            (unfinished / manifest.FILE).write_text(json.dumps(prompts))
            unfinished.rename(kept)
    return kept


def _make_short(prompts: Prompts, left: Keys, _made: Path, short: Path) -> None:
    for language, entries in prompts.items():
        (short / language).mkdir()
        for prompt, entry in entries.items():
            entry["seconds"] = min(SECONDS, entry["seconds"])
            if (language, prompt) not in left:
                _write(short, language, prompt, entry, prompt)
    _write_left(prompts, left, short)


def _make_spoken(prompts: Prompts, left: Keys, made: Path, spoken: Path) -> None:
    for language in prompts:
        (spoken / language).mkdir()
        for path in os.scandir(made / language) if (made / language).exists() else ():
            os.link(path, spoken / language / path.name, follow_symlinks=False)
    _write_left(prompts, left, spoken)


def _add_left(prompts: Prompts, site: Path) -> Keys:
    """Add what `hatif setup --guide-later` leaves out, as a build would name it; return the languages and ids."""
    steps, texts = sources.guide_steps(sources.load(site)), catalogue.load(site)
    left: Keys = {}
    for language, spoken in prompts.items():
        since = next((entry.get("since") for entry in spoken.values()), None)
        for step in steps if spoken else ():
            if step not in spoken and (text := texts.text(language, step)):
                voice = voice_of(language).of(step)
                file = files.file_name(language, step, files.sound_hash(voice.fingerprint, text))
                spoken[step] = {"file": file, "text": text, "source": voice.source, "seconds": SECONDS, "since": since}
                left[language, step] = None
    return left


def _write_left(prompts: Prompts, left: Keys, folder: Path) -> None:
    for number, (language, prompt) in enumerate(left):
        _write(folder, language, prompt, prompts[language][prompt], f"left {number % LEFT_NOISES}")


def _write(folder: Path, language: str, prompt: str, entry: dict[str, Any], noise: str) -> None:
    for path, sound in zip(
        manifest.paths(folder, entry["file"]), _encoded(f"{language}/{noise}", entry["seconds"]), strict=True
    ):
        path.write_bytes(sound)
        path.with_name(f"{prompt}{path.suffix}").symlink_to(path.name)  # for the dialplan


@lru_cache(LEFT_NOISES)
def _encoded(name: str, seconds: float) -> tuple[bytes, ...]:
    """Return the noise of this name in all formats."""
    random = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    noise = random.normal(0, _LEVEL, round(seconds * manifest.BYTES_S)).clip(-32768, 32767).astype(np.int16)
    silent = round(manifest.KEPT_S * manifest.BYTES_S)
    noise[:silent] = noise[-silent:] = 0
    return g711.ulaw(noise), g711.alaw(noise), g722.encode(np.repeat(noise, 2).astype("<i2").tobytes())
