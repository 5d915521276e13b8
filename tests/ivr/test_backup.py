"""`hatif backup` and `hatif restore`: a second home shows what the first one had; what is no whole backup changes
nothing."""

import asyncio
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import small_site
from argon2 import PasswordHasher
from shell import Shell

from asterisk_conf import kept_archives
from db import pin_hashes
from db.delivery import deliver_all
from db.ids import uuid7
from db.journal import Journal
from db.migrations.versions import m0024_report_day
from db.upgrade import downgrade
from ivr.data import archive
from ivr.home import credentials, line_settings, pid_lock
from ivr.home.line_settings import KeptLine
from ivr.model import clock

pytest_plugins = ["db_fixtures"]

CALLER = "+33612300001"
EARLIER, WITH_KEPT_DAYS = "0019", "0028"
"""A migration before which there were fewer tables and columns than now, and one that kept days for reports."""


class Source(Shell):
    """A line with a site of its own, a case, a call, a message, secrets and operators' states."""

    def __init__(self, home: Path, url: str = "") -> None:
        site = small_site.make(home.with_name("elsewhere"))
        (site.folder / "media").mkdir()
        (site.folder / "media" / "note.txt").write_text("a note")
        super().__init__(home, site.folder)
        self.url = url or f"sqlite:///{home / 'hatif.db'}"
        line_settings.write(home, KeptLine(19_000, str(site.folder), url or None))
        self.make_database()
        about = ("--topic", "travel", "--language", "ar", "--country", "GB", "--title", "A visa", "--caller", CALLER)
        opened = self.run("case", "open", *about, "--json")
        assert opened.returncode == 0, opened.stderr
        self.reference, self.pin = (json.loads(opened.stdout)[name] for name in ("reference", "pin"))
        self.called()
        self.message = b"RIFF and so on"
        (home / "messages").mkdir()
        (home / "messages" / "one.wav").write_bytes(self.message)
        secrets = json.loads((home / "secrets.json").read_text())
        (home / "secrets.json").write_text(json.dumps({**secrets, "of_a_later_version": "kept too"}))
        (home / "log").mkdir(exist_ok=True)
        (home / "log" / "ivr.log").write_text("not part of a backup")
        (home / "asterisk" / "db").mkdir(parents=True)
        with closing(sqlite3.connect(home / "asterisk" / "db" / "astdb.sqlite3")) as astdb, astdb:
            astdb.execute("CREATE TABLE astdb (key VARCHAR(256), value VARCHAR(256))")
            astdb.execute("INSERT INTO astdb VALUES ('/hatif-state/1001', 'ready')")

    def called(self, deliver: bool = True) -> None:
        journal = Journal(self.home / "journal", "node1")
        journal.put("call", id=uuid7(), caller=CALLER, started=clock.now() - timedelta(minutes=1), outcome="answered")
        journal.close()
        if deliver:
            asyncio.run(deliver_all(self.home / "journal", self.url))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("line") / "home")


@pytest.fixture(scope="module")
def file(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("backup") / "line.hatif.tar"
    made = source.run("backup", str(out))
    assert made.returncode == 0, made.stderr
    return out


def answers(shell: Shell, reference: str) -> list[Any]:
    """Return what a line says about the case and the calls."""
    asked = (("case", "show", reference), ("cases",), ("calls",), ("caller", "show", CALLER))
    found = [shell.run(*words, "--json") for words in asked]
    return [json.loads(answer.stdout) if answer.returncode == 0 else answer.stderr for answer in found]


def test_a_second_home_shows_the_same_cases_and_calls_and_its_pins_verify(
    source: Source, file: Path, tmp_path: Path
) -> None:
    second = Shell(tmp_path / "second")
    restored = second.run("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert answers(second, source.reference) == answers(source, source.reference)
    assert [call["caller"] for call in answers(second, source.reference)[2]] == [CALLER]
    ((stored,),) = second.database("SELECT pin_hash FROM case_file WHERE reference = ?", source.reference)
    home = second.home
    assert (home / "secrets.json").read_bytes() == (source.home / "secrets.json").read_bytes()
    pepper = credentials.load(home, ()).pin_pepper
    assert pin_hashes.matches(source.pin, stored, pepper) and not pin_hashes.matches("000000", stored, pepper)
    assert (home / "messages" / "one.wav").read_bytes() == source.message
    assert (home / "site" / "media" / "note.txt").read_text() == "a note"
    with closing(sqlite3.connect(home / "asterisk" / "db" / "astdb.sqlite3")) as astdb:
        assert astdb.execute("SELECT value FROM astdb").fetchall() == [("ready",)]
    assert not (home / "log").exists()
    modes = {path.stat().st_mode & 0o077 for path in home.rglob("*") if path.is_file()}
    assert modes == {0} and file.stat().st_mode & 0o777 == 0o600
    assert line_settings.read(home) == KeptLine(19_000, str(home / "site"))
    assert not list(home.glob(".restore-*"))


def test_a_backup_can_be_read_with_tar_and_lists_the_hash_of_each_file(file: Path) -> None:
    with tarfile.open(file) as opened:
        names = opened.getnames()
        listed = json.load(opened.extractfile("manifest.json"))["files"]  # type: ignore[arg-type]
    assert names[0] == "backup.json" and names[-1] == "manifest.json"
    assert listed.keys() == {*names} - {"manifest.json"}
    assert {"database/hatif.db", "home/secrets.json", "site/flow.yaml", "asterisk/astdb.sqlite3"} <= {*names}


def test_what_is_only_in_the_journal_yet_is_in_the_backup(source: Source, tmp_path: Path) -> None:
    source.called(deliver=False)
    with closing(sqlite3.connect(source.home / "hatif.db")) as other:
        other.execute("BEGIN IMMEDIATE")  # another process writes
        assert source.run("backup", str(tmp_path / "b.tar")).returncode == 0
    second = Shell(tmp_path / "second")
    assert second.run("restore", str(tmp_path / "b.tar")).returncode == 0
    before = len(json.loads(source.run("calls", "--json").stdout))
    assert len(json.loads(second.run("calls", "--json").stdout)) == before + 1


def test_a_reference_of_the_stock_is_given_to_nobody_again_after_a_restore(source: Source, tmp_path: Path) -> None:
    stock = source.home / "case_references"
    stock.write_text("1234567\n100000017\n100000025\n")
    assert source.run("backup", str(tmp_path / "b.tar")).returncode == 0
    assert Shell(tmp_path / "second").run("restore", str(tmp_path / "b.tar")).returncode == 0
    assert (tmp_path / "second" / "case_references").read_text() == "1234567\n"


def test_a_home_with_a_line_is_replaced_only_on_demand_and_nothing_of_it_is_deleted(
    source: Source, file: Path, tmp_path: Path
) -> None:
    home = tmp_path / "second"
    home.mkdir()
    (home / "hatif.db").write_bytes(b"the former one")
    (home / "messages").mkdir()
    (home / "messages" / "two.wav").write_bytes(b"two")
    second = Shell(home)
    refused = second.run("restore", str(file))
    assert refused.returncode == 1 and "--replace" in refused.stderr
    assert (home / "hatif.db").read_bytes() == b"the former one"
    assert second.run("restore", str(file), "--replace").returncode == 0
    (aside,) = home.glob("replaced-*")
    assert (aside / "hatif.db").read_bytes() == b"the former one"
    assert (aside / "messages" / "two.wav").read_bytes() == b"two"
    assert not (home / "messages" / "two.wav").exists()
    assert second.run("case", "show", source.reference).returncode == 0


def test_nothing_is_restored_into_a_running_line(file: Path, tmp_path: Path) -> None:
    home = tmp_path / "second"
    (home / "run").mkdir(parents=True)
    held = pid_lock.open_to_hold(home / "run" / "journal.pid")  # as `hatif up` does for what it starts
    pid_lock.take(held)
    try:
        refused = Shell(home).run("restore", str(file))
    finally:
        os.close(held)
    assert refused.returncode == 1 and "runs (journal): stop it first" in refused.stderr
    assert not (home / "hatif.db").exists()


Edit = Callable[[dict[str, bytes]], None]


def edited(file: Path, out: Path, change: Edit, *, list_too: bool = True) -> Path:
    """Write an archive with other files; with `list_too`, whose list fits them, as an attacker would."""
    with tarfile.open(file) as opened:
        files = {name: opened.extractfile(name).read() for name in opened.getnames()}  # type: ignore[union-attr]
    change(files)
    if list_too and "manifest.json" in files:
        del files["manifest.json"]
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["manifest.json"] = json.dumps({"files": hashes}).encode()
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return out


def put(name: str, content: bytes = b"x") -> Edit:
    return lambda files: files.update({name: content})


def about(**said: object) -> Edit:
    return lambda files: files.update({"backup.json": json.dumps(json.loads(files["backup.json"]) | said).encode()})


def with_trigger(files: dict[str, bytes], *sql: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "hatif.db"
        path.write_bytes(files["database/hatif.db"])
        with closing(sqlite3.connect(path)) as database, database:
            for statement in sql or ("CREATE TRIGGER evil AFTER INSERT ON call BEGIN DELETE FROM audit; END",):
                database.execute(statement)
        files["database/hatif.db"] = path.read_bytes()


def with_former_triggers(files: dict[str, bytes]) -> None:
    """They belong to a table that the version of the backup has no more: no call could be recorded."""
    with_trigger(files, *m0024_report_day.statements("sqlite"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("../outside"), "does not belong there"),
        (put("/etc/passwd"), "does not belong there"),
        (put("site/../../outside"), "does not belong there"),
        (put("home/run/ivr.pid"), "does not belong there"),
        (put("journal/deliver.lock"), "does not belong there"),
        (put("site/flow.yaml/x"), "a file and a folder"),
        (put("site/new\nline"), "does not belong there"),
        (about(format=2), "its format is not 1"),
        (about(hatif="99.0"), "install that version"),
        (about(made="yesterday"), "not a description"),
        (about(migration="0001"), "not at the migration"),
        (lambda files: files.pop("database/hatif.db"), "it has no database"),
        (lambda files: files.pop("site/site.toml"), "has no site"),
        (lambda files: files.pop("manifest.json"), "manifest.json is missing"),
        (put("database/hatif.db", b"SQLite format 3\0 but no more"), "damaged, or not one of Hatif's"),
        (with_trigger, "damaged, or not one of Hatif's"),
        (with_former_triggers, "damaged, or not one of Hatif's"),
        (
            put("home/erasures.json", b'{"key": "", "erased": [{"at": "2026-01-01", "by": "", "hash": ""}]}'),
            "time zone",
        ),
    ],
)
def test_a_hostile_archive_is_refused_and_leaves_nothing(
    file: Path, tmp_path: Path, change: Edit, sentence: str
) -> None:
    bad = edited(file, tmp_path / "bad.tar", change)
    home = tmp_path / "second"
    refused = Shell(home).run("restore", str(bad))
    assert refused.returncode == 1, refused.stdout
    assert sentence in " ".join(refused.stderr.split())
    assert refused.stderr.startswith("hatif: Nothing was restored")
    assert not list(home.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"bad.tar", "second"}


def zeros_without_end(file: Path, out: Path) -> None:
    edited(file, out, lambda files: None)
    with out.open("ab") as opened:
        opened.truncate(out.stat().st_size + 400_000_000)  # takes no room on the disk


def list_without_end(file: Path, out: Path) -> None:
    empty = ", ".join(["[]"] * 1_000_000)
    edited(file, out, put("manifest.json", f'{{"files": {{}}, "more": [{empty}]}}'.encode()), list_too=False)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(zeros_without_end, "something follows manifest.json"), (list_without_end, "and is to list [0-9]+ files")],
)
def test_an_archive_that_is_a_bomb_fills_no_memory(
    file: Path, tmp_path: Path, make: Callable[[Path, Path], None], sentence: str
) -> None:
    make(file, tmp_path / "bad.tar")
    tracemalloc.start()
    try:
        with pytest.raises(archive.BackupError, match=sentence):
            archive.unpack(tmp_path / "bad.tar", tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_damaged_archive_is_refused(file: Path, tmp_path: Path) -> None:
    def refusal(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        answer = Shell(tmp_path / f"home-{name}").run("restore", str(tmp_path / name))
        assert answer.returncode == 1
        return " ".join(answer.stderr.split())

    whole = file.read_bytes()
    assert "it ends too early" in refusal("short", whole[: len(whole) // 2])
    assert "is not a whole backup" in refusal("empty", b"")
    assert "is not a whole backup" in refusal("zeros", bytes(10_240))
    damaged = edited(file, tmp_path / "edited", put("home/secrets.json", b"{}"), list_too=False)
    # Its list is not the last file now; written again in the right order it does not fit.
    assert "'home/secrets.json' is damaged" in refusal("changed", damaged.read_bytes())


def test_links_are_neither_followed_nor_restored(file: Path, tmp_path: Path) -> None:
    with tarfile.open(file) as opened, tarfile.open(tmp_path / "bad.tar", "w", format=tarfile.USTAR_FORMAT) as made:
        entry = tarfile.TarInfo("backup.json")
        entry.size = opened.getmember("backup.json").size
        made.addfile(entry, opened.extractfile("backup.json"))
        link = tarfile.TarInfo("site/x")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        made.addfile(link)
    answer = Shell(tmp_path / "second").run("restore", str(tmp_path / "bad.tar"))
    assert answer.returncode == 1 and "is not a plain file" in " ".join(answer.stderr.split())


def test_an_existing_file_is_not_overwritten_by_a_backup(source: Source, file: Path) -> None:
    before = file.read_bytes()
    refused = source.run("backup", str(file))
    assert refused.returncode == 1 and "exists" in refused.stderr
    assert file.read_bytes() == before
    assert archive.read_about(file).node == "node1"


def test_a_backup_of_postgresql_is_restored_into_sqlite_or_an_empty_postgresql(
    postgresql_url: str, empty_postgresql_url: str, tmp_path: Path
) -> None:
    source = Source(tmp_path / "home", postgresql_url)
    shown = answers(source, source.reference)
    assert source.run("backup", str(tmp_path / "b.tar")).returncode == 0
    second = Shell(tmp_path / "second")
    assert second.run("restore", str(tmp_path / "b.tar")).returncode == 0
    assert answers(second, source.reference) == shown
    third = Shell(tmp_path / "third")
    assert third.run("restore", str(tmp_path / "b.tar"), "--database", postgresql_url).returncode == 1
    assert not line_settings.read(third.home)
    restored = third.run("restore", str(tmp_path / "b.tar"), "--database", empty_postgresql_url)
    assert restored.returncode == 0, restored.stderr
    assert answers(third, source.reference) == shown
    assert not (third.home / "hatif.db").exists()


@pytest.mark.parametrize("earlier", [EARLIER, WITH_KEPT_DAYS])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_line_whose_tables_are_not_upgraded_yet_can_be_saved_and_its_backup_restored(
    kind: str, earlier: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = "" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    source = Source(tmp_path / "home", url)
    shown = answers(source, source.reference)
    asyncio.run(downgrade(source.url, earlier))
    made = source.run("backup", str(tmp_path / "b.tar"))
    assert made.returncode == 0, made.stderr
    assert archive.read_about(tmp_path / "b.tar").migration == earlier
    second = Shell(tmp_path / "second")
    restored = second.run("restore", str(tmp_path / "b.tar"))
    assert restored.returncode == 0, restored.stderr
    assert answers(second, source.reference) == shown
    assert second.database("SELECT name FROM sqlite_master WHERE type = 'trigger' OR name = 'report_day'") == []


def packages(home: Path, content: bytes = b"a package") -> Path:
    """Give a home the packages of a private Asterisk; return the folder that has them."""
    folder = home / "asterisk" / "root" / "hatif-archives"
    folder.mkdir(parents=True)
    (folder / "asterisk_1%3a22.10.1~dfsg+~cs6-1_amd64.deb").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    listed = {"asked": {"asterisk": "1:22.10.1~dfsg+~cs6-1"}, "sha256": {"asterisk": digest}}
    listed["unpacked"] = listed["asked"]
    (folder.parent / "hatif-install.json").write_text(json.dumps(listed))
    return folder


def test_the_packages_of_the_private_asterisk_are_restored_for_a_machine_without_a_mirror(tmp_path: Path) -> None:
    line = Source(tmp_path / "line" / "home")
    folder = packages(line.home)
    for words in ((), ("--without-asterisk",)):
        out = tmp_path / f"backup{len(words)}"
        assert line.run("backup", str(out), *words).returncode == 0
        second = Shell(tmp_path / f"second{len(words)}")
        answer = second.run("restore", str(out))
        assert answer.returncode == 0, answer.stderr
        restored = kept_archives.read(second.home / "asterisk" / "restored")
        assert [path.name for path in restored] == ([] if words else [path.name for path in folder.iterdir()])
    (folder / "asterisk_1%3a22.10.1~dfsg+~cs6-1_amd64.deb").unlink()
    folder.rmdir()
    told = line.run("backup", str(tmp_path / "third"))
    assert told.returncode == 0 and "Asterisk's packages are not in it" in told.stdout


def test_on_the_way_back_to_an_earlier_version_its_backup_says_which_tables_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Source(tmp_path / "home")
    out = tmp_path / "before"
    assert line.run("backup", str(out)).returncode == 0
    same = line.run("db", "downgrade", str(out))
    assert same.returncode == 0 and "no migrations undone" in same.stdout, same
    about = replace(archive.read_about(out), migration="0010", hatif="0.0.9")
    monkeypatch.setattr(archive, "read_about", lambda file, keys: about)
    back = line.run("db", "downgrade", str(out))
    assert back.returncode == 0 and "Now install Hatif 0.0.9 again" in back.stdout, back
    assert line.database("SELECT version_num FROM alembic_version") == [("0010",)]
    ((reference, pin_hash),) = line.database("SELECT reference, pin_hash FROM case_file")
    assert reference == line.reference and pin_hash.startswith("$argon2id$"), "the earlier version can check it"
    assert PasswordHasher().verify(pin_hash, line.pin)
    kept = line_settings.read(line.home)
    assert kept is not None and kept.version == "0.0.9"
    assert line.run("db", "upgrade").returncode == 0 and line.run("case", "show", line.reference).returncode == 0
    ((pin_hash,),) = line.database("SELECT pin_hash FROM case_file")
    assert pin_hash.startswith("$sealed$") and pin_hashes.matches(
        line.pin, pin_hash, credentials.load(line.home, ()).pin_pepper
    )
    about = replace(about, node="another")
    refused = line.run("db", "downgrade", str(out))
    assert refused.returncode == 1 and "is of the node another" in refused.stderr


def test_the_way_back_is_refused_while_something_writes(tmp_path: Path, file: Path) -> None:
    line = Source(tmp_path / "home")
    (line.home / "run").mkdir(exist_ok=True)
    pid_lock.hold(line.home / "run", "journal")
    refused = line.run("db", "downgrade", str(file))
    assert refused.returncode == 1 and "journal would write meanwhile: stop them first" in refused.stderr, refused
