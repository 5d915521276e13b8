"""What slow voices have spoken is carried to another machine; an archive that is not whole changes nothing."""

import hashlib
import io
import json
import resource
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import prompt_sites as sites
import pytest

from prompts import audio, clip_archive
from prompts.clip_archive import LIST, ClipArchiveError, Taken
from prompts.clip_store import ClipStore

CLIPS = tuple(hashlib.sha256(str(number).encode()).hexdigest() for number in range(3))
Entries = dict[str, bytes | tarfile.TarInfo]


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    """A store with three clips."""
    made = ClipStore(tmp_path / "made")
    for number, clip in enumerate(CLIPS):
        made.add(clip, audio.finish(sites.speech(0.5 + number / 4).astype("float32"), 48_000))
    return made


@pytest.fixture
def archive(store: ClipStore, tmp_path: Path) -> Path:
    assert clip_archive.export(store, CLIPS, tmp_path / "set.tar") == 3
    return tmp_path / "set.tar"


@pytest.fixture
def other(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "other")


def kept(store: ClipStore) -> set[str]:
    return {path.name for path in store.folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_what_is_exported_is_imported_whole(store: ClipStore, archive: Path, other: ClipStore) -> None:
    assert clip_archive.take(other, archive, set(CLIPS)) == Taken(3, 0, 0)
    for clip in CLIPS:
        for ours, theirs in zip(store.paths(clip), other.paths(clip), strict=True):
            assert ours.read_bytes() == theirs.read_bytes()
    assert clip_archive.take(other, archive, set(CLIPS)) == Taken(0, 3, 0)


def test_clips_of_other_texts_are_counted_and_not_kept(archive: Path, other: ClipStore) -> None:
    assert clip_archive.take(other, archive, {CLIPS[0]}) == Taken(1, 0, 2)
    assert len(kept(other)) == 3


def test_an_archive_names_nothing_of_this_machine(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        for member in opened:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


def test_without_finished_clips_nothing_is_exported(tmp_path: Path, other: ClipStore) -> None:
    with pytest.raises(ClipArchiveError, match="no finished clip to export; run `hatif prompts build --background`"):
        clip_archive.export(other, CLIPS, tmp_path / "set.tar")
    assert not (tmp_path / "set.tar").exists()


def content(archive: Path) -> Entries:
    with tarfile.open(archive) as opened:
        return {member.name: file.read() for member in opened if (file := opened.extractfile(member))}


def write(archive: Path, entries: Mapping[str, bytes | tarfile.TarInfo]) -> None:
    with tarfile.open(archive, "w") as opened:
        for name, data in entries.items():
            if isinstance(data, tarfile.TarInfo):
                opened.addfile(data)
            else:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                opened.addfile(entry, io.BytesIO(data))


def listed(entries: Entries, change: Callable[[dict[str, str]], object]) -> None:
    """Change the hashes in the list of an archive."""
    found = entries[LIST]
    assert isinstance(found, bytes)
    document = json.loads(found)
    change(document["files"])
    entries[LIST] = json.dumps(document).encode()


def add(entries: Entries, name: str, data: bytes) -> None:
    """Add a file, with its hash."""
    entries[name] = data
    listed(entries, lambda files: files.update({name: hashlib.sha256(data).hexdigest()}))


def header(name: str, **changes: object) -> tarfile.TarInfo:
    """Return the header of a file with some of its fields changed."""
    entry = tarfile.TarInfo(name)
    for field, value in changes.items():
        setattr(entry, field, value)
    return entry


FIRST = f"{CLIPS[0]}.ulaw"


def drop_first(entries: Entries) -> None:
    """Remove a file and its hash."""
    del entries[FIRST]
    listed(entries, lambda files: files.pop(FIRST))


LINK = header(FIRST, type=tarfile.SYMTYPE, linkname="/etc/passwd")
SPARSE = {"GNU.sparse.map": "everything", "GNU.sparse.size": "much"}
"""A file with holes, for which `tarfile` raises ValueError."""

DAMAGES: dict[str, tuple[Callable[[Entries], object], str]] = {
    "no list": (lambda e: e.pop(LIST), "its first file is not clips.json"),
    "a list that is no JSON": (lambda e: e.update({LIST: b"["}), "is not a list of clips"),
    "another list": (lambda e: e.update({LIST: b"[1]"}), "is not a list of clips"),
    "a later format": (lambda e: e.update({LIST: b'{"format": 2}'}), "its format is '2', and this Hatif reads 1"),
    "a changed clip": (lambda e: e.update({FIRST: b"\xff" * 4000}), f"{FIRST} is damaged"),
    "a missing file": (lambda e: e.pop(FIRST), "1 files of its list are missing"),
    "a clip without a format": (drop_first, "some clips lack a file"),
    "an unlisted file": (lambda e: e.update({"more.txt": b""}), "'more.txt' is not in its list"),
    "a path": (lambda e: add(e, "../../evil.ulaw", b"x"), "'../../evil.ulaw' is not the name of a clip's file"),
    "an absolute path": (lambda e: add(e, "/tmp/evil", b"x"), "'/tmp/evil' is not the name of a clip's file"),
    "a link": (lambda e: e.update({FIRST: LINK}), "is not a plain file"),
    "a hard link": (
        lambda e: e.update({FIRST: header(FIRST, type=tarfile.LNKTYPE, linkname="../../.bashrc")}),
        "is not a plain file",
    ),
    "a folder": (lambda e: e.update({FIRST: header(FIRST, type=tarfile.DIRTYPE)}), "is not a plain file"),
    "a device": (lambda e: e.update({FIRST: header(FIRST, type=tarfile.CHRTYPE)}), "is not a plain file"),
    "an extended header": (lambda e: e.update({FIRST: header(FIRST, pax_headers=SPARSE)}), "is not a plain file"),
    "a large file": (lambda e: e.update({FIRST: bytes(2_000_000)}), "has 2,000,000 bytes"),
    "files of different lengths": (lambda e: add(e, FIRST, bytes(800)), "do not have the sizes of one clip"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_archive_is_refused_with_the_reason_and_nothing_is_kept(
    archive: Path, other: ClipStore, damage: str
) -> None:
    change, reason = DAMAGES[damage]
    entries = content(archive)
    change(entries)
    write(archive, entries)
    with pytest.raises(ClipArchiveError) as error:
        clip_archive.take(other, archive, set(CLIPS))
    assert reason in str(error.value)
    assert str(error.value).startswith("Nothing was imported: ")
    assert not kept(other)


def test_a_file_that_is_there_twice_is_refused(archive: Path, other: ClipStore) -> None:
    entries = content(archive)
    with tarfile.open(archive, "a") as opened:
        twice = entries[FIRST]
        assert isinstance(twice, bytes)
        opened.addfile(header(FIRST, size=len(twice)), io.BytesIO(twice))
    with pytest.raises(ClipArchiveError, match="is there twice"):
        clip_archive.take(other, archive, set(CLIPS))
    assert not kept(other)


@pytest.mark.parametrize("size", [1 << 40, -512])
def test_a_size_that_cannot_be_is_not_read(archive: Path, other: ClipStore, size: int) -> None:
    archive.write_bytes(header(LIST, size=size).tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ClipArchiveError, match=f"'clips.json' has {size:,} bytes"):
        clip_archive.take(other, archive, set(CLIPS))


@pytest.mark.parametrize("cut", [0, 100, 600, 30_000])
def test_a_truncated_archive_is_refused(archive: Path, other: ClipStore, cut: int) -> None:
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(ClipArchiveError, match="is not a whole set of clips"):
        clip_archive.take(other, archive, set(CLIPS))
    assert not kept(other)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let files grow to 1 kB only, which is an error like that of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_on_a_full_disk_nothing_of_an_archive_is_kept(archive: Path, other: ClipStore) -> None:
    with full_disk(), pytest.raises(OSError, match="File too large"):
        clip_archive.take(other, archive, set(CLIPS))
    assert not kept(other)
    assert not list(other.folder.iterdir())
    assert clip_archive.take(other, archive, set(CLIPS)) == Taken(3, 0, 0)


def test_on_a_full_disk_an_earlier_archive_stays(store: ClipStore, archive: Path) -> None:
    before = archive.read_bytes()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        clip_archive.export(store, CLIPS, archive)
    assert archive.read_bytes() == before
    assert not list(archive.parent.glob(".*"))


def test_something_else_is_refused(tmp_path: Path, other: ClipStore) -> None:
    (tmp_path / "set.tar").write_bytes(b"RIFF" + bytes(5000))
    with pytest.raises(ClipArchiveError, match="is not a whole set of clips"):
        clip_archive.take(other, tmp_path / "set.tar", set(CLIPS))
