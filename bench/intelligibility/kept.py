"""What was spoken and recognised, kept so that a run that is started again goes on where the last one was.

A clip is kept by what it says and how, what was recognised by the clip and the recogniser: whatever changes is measured
anew. The clips that the site's slow voices have spoken for callers are used as they are.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

from bench.intelligibility import environment, telephone
from prompts import files
from prompts.clip_store import ClipStore
from prompts.voices import Voice

CLIPS, HEARD = "clips", "heard.jsonl"


class Kept:
    """The clips of one folder, and what was recognised in them. Clips are µ-law, 8 kHz."""

    def __init__(self, folder: Path, built: ClipStore) -> None:
        """Args:
        built: What slow voices have spoken for callers; nothing is added to it.
        """
        self._clips, self._file, self._built = folder / CLIPS, folder / HEARD, built
        self._heard = dict(_read(self._file))
        self._recogniser = _recogniser()
        self._lock = threading.Lock()

    def clip(self, voice: Voice, text: str) -> bytes | None:
        """Return a clip; None if nobody has spoken it."""
        name = files.sound_hash(voice.fingerprint, text)
        if self._built.seconds(name) is not None:
            return self._built.paths(name)[0].read_bytes()
        try:
            return self._path(name).read_bytes()
        except OSError:
            return None

    def keep_clip(self, voice: Voice, text: str, clip: bytes) -> None:
        path = self._path(files.sound_hash(voice.fingerprint, text))
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, clip)

    def heard(self, clip: bytes, language: str) -> str | None:
        """Return what was recognised in a clip; None if nothing has listened to it."""
        return self._heard.get(self._key(clip, language))

    def keep_heard(self, clip: bytes, language: str, text: str) -> None:
        key = self._key(clip, language)
        with self._lock:
            self._heard[key] = text
            with self._file.open("a+b") as file:
                # A run that was killed may have left half a line.
                if file.tell() and (file.seek(-1, 2), file.read(1))[1] != b"\n":
                    file.write(b"\n")
                file.write(json.dumps({"key": key, "text": text}, ensure_ascii=False).encode() + b"\n")

    def _path(self, name: str) -> Path:
        return self._clips / f"{name}.ulaw"

    def _key(self, clip: bytes, language: str) -> str:
        return hashlib.sha256(b"\0".join((self._recogniser, language.encode(), clip))).hexdigest()


def _read(file: Path) -> Iterator[tuple[str, str]]:
    if not file.is_file():
        return
    for line in file.read_bytes().splitlines():
        try:
            found = json.loads(line)
            yield str(found["key"]), str(found["text"])
        except (ValueError, KeyError, TypeError):
            continue  # of a run that was killed


def _recogniser() -> bytes:
    """Return the hash of everything but the clip that what is recognised depends on."""
    sources = (Path(telephone.__file__), Path(environment.__file__).with_name("recogniser.py"))
    packages = "\0".join((*environment.LIBRARIES, environment.MODEL_SHA256)).encode()
    return hashlib.sha256(b"\0".join((*(path.read_bytes() for path in sources), packages))).hexdigest().encode()
