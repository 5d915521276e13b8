"""Sets of finished clips in a file, so that another machine need not speak them again.

A set is a tar archive: `clips.json` first, then the files of the clips. An archive comes from outside, so everything in
it is checked before anything is kept; but nobody can check that a clip says what its name stands for.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prompts import audio, files, manifest, plain_tar
from prompts.clip_store import SCRATCH, ClipStore
from wire.errors import UserError

LIST = "clips.json"
FORMAT = 1
MOST_CLIPS = 50_000
LONGEST_LIST = 32 * 1024 * 1024
"""In bytes."""
LARGEST_FILE = round((audio.LONGEST + 1) * manifest.BYTES_S)
"""In bytes."""
_NAME = re.compile(r"(?P<clip>[0-9a-f]{64})\.(?P<ending>ulaw|alaw|g722)")
_HASH = re.compile(r"[0-9a-f]{64}")

Hashes = Mapping[str, str]
"""The SHA-256 of each file of an archive, by its name."""


class ClipArchiveError(UserError):
    """An archive that cannot be used or written; a sentence that says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of an import: clips that are new here, that were here, and that this site has no use for."""

    new: int
    known: int
    foreign: int


def export(store: ClipStore, clips: Iterable[str], out: Path) -> int:
    """Write an archive of these clips and return how many it has.

    Raises:
        ClipArchiveError: None of them is there.
        OSError: It cannot be written.
    """
    paths = {path.name: path for clip in dict.fromkeys(clips) if store.seconds(clip) for path in store.paths(clip)}
    if not paths:
        raise ClipArchiveError("There is no finished clip to export; run `hatif prompts build --background` first.")
    hashes = {name: _hash(path) for name, path in paths.items()}
    content = json.dumps({"format": FORMAT, "files": hashes}, indent=1).encode()
    temporary = out.with_name(f".{out.name}.new")
    try:
        with temporary.open("wb") as archive:
            _add(archive, LIST, content)
            for name, path in paths.items():
                _add(archive, name, path.read_bytes())
            archive.write(plain_tar.END)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(paths) // len(manifest.FORMATS)


def take(store: ClipStore, archive: Path, wanted: Collection[str]) -> Taken:
    """Take the clips of an archive that are wanted; either all of these are taken, or none.

    Raises:
        ClipArchiveError: It is not such an archive, or damaged.
        OSError: The clips cannot be written.
    """
    store.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=store.folder) as scratch:
        found = _unpack(archive, Path(scratch), wanted)
        new = [clip for clip in found if clip in wanted and store.seconds(clip) is None]
        for clip in new:
            for path in store.paths(clip):
                path.parent.mkdir(exist_ok=True)
                (Path(scratch) / path.relative_to(store.folder)).replace(path)
        files.settle(store.folder)
    known = sum(clip in wanted for clip in found) - len(new)
    return Taken(len(new), known, len(found) - len(new) - known)


def _add(archive: IO[bytes], name: str, content: bytes) -> None:
    archive.write(plain_tar.header(name, len(content)) + content + plain_tar.padding(len(content)))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(archive: Path, scratch: Path, wanted: Collection[str]) -> list[str]:
    """Check an archive, write its wanted clips as a store into `scratch`, and return the names of all its clips."""
    try:
        with archive.open("rb") as opened:
            first = _next(opened, LONGEST_LIST)
            if first is None or first[0] != LIST:
                raise _refused(archive, f"its first file is not {LIST}")
            hashes = _hashes(archive, first[1])
            clips = _clips(archive, hashes)
            seen = set()
            while (member := _next(opened, LARGEST_FILE)) is not None:
                name, content = member
                if name not in hashes or name in seen:
                    raise _refused(archive, f"{plain_tar.shown(name)} is not in its list, or is there twice")
                seen.add(name)
                if hashlib.sha256(content).hexdigest() != hashes[name]:
                    raise _refused(archive, f"{name} is damaged")
                clip = name.partition(".")[0]
                if clip in wanted:
                    folder = scratch / clip[:2]
                    folder.mkdir(exist_ok=True)
                    (folder / name).write_bytes(content)
    except (tarfile.TarError, plain_tar.PlainTarError) as error:
        raise _refused(archive, str(error) or "it ends too early") from None
    if missing := hashes.keys() - seen:
        raise _refused(archive, f"{len(missing)} files of its list are missing")
    unpacked = ClipStore(scratch)
    for clip in clips:
        if clip in wanted and not _plausible(unpacked.seconds(clip)):
            raise _refused(archive, f"the files of {clip} do not have the sizes of one clip")
    return clips


def _plausible(seconds: float | None) -> bool:
    return seconds is not None and seconds <= audio.LONGEST


def _next(opened: IO[bytes], most: int) -> tuple[str, bytes] | None:
    """Return the name and the content of the next file, of at most so many bytes; None at the end."""
    found = plain_tar.next_file(opened, most)
    return (found[0], b"".join(plain_tar.content(opened, found[1]))) if found is not None else None


def _hashes(archive: Path, content: bytes) -> Hashes:
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            found = plain_tar.shown(str(document["format"]))
            raise _refused(archive, f"its format is {found}, and this Hatif reads {FORMAT}")
        hashes = {str(name): str(digest) for name, digest in document["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused(archive, f"{LIST} is not a list of clips") from None
    for name, digest in hashes.items():
        if not (_NAME.fullmatch(name) and _HASH.fullmatch(digest)):
            raise _refused(archive, f"{plain_tar.shown(name)} is not the name of a clip's file, or has no hash")
    return hashes


def _clips(archive: Path, hashes: Hashes) -> list[str]:
    """Return the clips of a list, each of which has all its files."""
    clips = list(dict.fromkeys(name.partition(".")[0] for name in hashes))
    if len(clips) > MOST_CLIPS:
        raise _refused(archive, f"it has {len(clips):,} clips; {MOST_CLIPS:,} are the most")
    if len(hashes) != len(clips) * len(manifest.FORMATS):
        raise _refused(archive, "some clips lack a file")
    return clips


def _refused(archive: Path, reason: str) -> ClipArchiveError:
    return ClipArchiveError(
        f"Nothing was imported: {archive} is not a whole set of clips ({reason}); make it again with `hatif prompts "
        "export`."
    )
