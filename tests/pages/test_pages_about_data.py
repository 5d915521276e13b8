"""docs/backup.md, docs/database.md and docs/data-protection.md: their commands do what the pages say."""

import json
import re
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

import debian_tools
import pytest
from page import Page, follow
from reader import CALLER, Reader

from db.ids import uuid7
from db.journal import Journal
from ivr.data import archive
from ivr.model import clock

pytest_plugins = ["db_fixtures"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("line") / "home")


@pytest.fixture
def reader(made: Reader, tmp_path: Path) -> Reader:
    """A copy of the line for one test."""
    copy = object.__new__(Reader)
    copy.home, copy.site = tmp_path / "home", made.site
    shutil.copytree(made.home, copy.home)
    return copy


def test_backup(reader: Reader, tmp_path: Path) -> None:
    page = Page("backup.md")
    for name in ("messages", "recordings", "unreadable", "desk"):
        (reader.home / name).mkdir()
        (reader.home / name / "one").write_text("kept")
    assert reader.types(f"hatif caller erase {CALLER}").returncode == 0  # leaves a proof
    journal = Journal(reader.home / "journal", "node1")
    journal.put("call", id=uuid7(), started=clock.now())  # on its way to the database
    journal.close()
    safe, second = tmp_path / "safe", tmp_path / "second"
    safe.mkdir()
    every_night = "0 3 * * *"
    back_up, to_a_file, restore, make_key, with_key, from_elsewhere = (
        line for line in page.commands() if line != every_night
    )
    told = follow([back_up, to_a_file], reader.types, values={"/mnt/safe": str(safe)})
    (ours,) = (reader.home / "backups").iterdir()
    assert ours.name.startswith("hatif-node1-") and str(ours) in told[back_up].stdout
    ours = ours.rename(ours.with_name("first.tar"))  # the next one may be of the same second
    follow([f"HATIF_HOME={second} {restore}"], reader.types, values={"FILE": str(safe / "line.tar")})
    assert (second / "messages" / "one").read_text() == "kept" and (second / "site" / "site.toml").exists()

    # What a backup has is what the page lists.
    with tarfile.open(ours) as opened:
        names = set(opened.getnames())
    assert ours.stat().st_mode & 0o777 == 0o600
    table = page.text[page.text.index("| | |") : page.text.index("What is not in it")]
    listed = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall("`(.*?)`", row)}
    for name in listed - {"home/case_references", archive.ASTDB, "asterisk/recording/", archive.INSTALLED}:
        if name != f"{archive.ARCHIVES}/":
            assert any(found == name or found.startswith(name.rstrip("/") + "/") for found in names), name
    assert {name.rstrip("/") for name in listed} >= {re.sub("/.*", "", name) for name in names} - {
        "home", "asterisk", "database",
    }  # fmt: skip

    # Encrypted, as the page says; the key comes from another machine, or through standard input.
    key = tmp_path / "backups.key"
    age = debian_tools.find("age", "usr/bin/age-keygen")
    shown = subprocess.run(
        [*age.command, *shlex.split(make_key)[1:-1], key], stderr=subprocess.PIPE, text=True, check=True
    )
    public = shown.stderr.removeprefix("Public key: ").strip()
    assert "`hatif backup --to age1…`" in page.text
    assert reader.types(f"hatif backup {safe}/encrypted --to {public}").returncode == 0
    for number, command in enumerate((with_key, from_elsewhere)):
        typed = command.replace("backups.key", str(key)).replace("FILE", f"{safe}/encrypted.age")
        restored = reader.types(typed.replace("hatif", f"HATIF_HOME={tmp_path / str(number)} hatif"))
        assert restored.returncode == 0, restored
        assert (tmp_path / str(number) / "messages" / "one").read_text() == "kept"

    # The line for cron.
    (nightly,) = re.findall(rf"^{re.escape(every_night)}  (.*?)  ", page.text, re.MULTILINE)
    follow(
        [nightly],
        lambda text: reader.types(f"true < /dev/null; {text}"),
        values={"/var/lib/hatif": str(reader.home), "/opt/hatif/.venv/bin/": ""},
    )
    assert len([*(reader.home / "backups").iterdir()]) == 2


async def test_another_database(reader: Reader, empty_postgresql_url: str, tmp_path: Path) -> None:
    page = Page("database.md")
    (reader.home / "url.txt").write_text(f"{empty_postgresql_url}\n")
    not_run = {
        "createdb hatif": "the tests' PostgreSQL has an empty database",
        "hatif db copy postgresql://hatif:PASSWORD@db.example/hatif": "the next line does the same",
    }
    told = follow(page.commands(), reader.types, values={"/srv/line/": f"{tmp_path}/"}, not_run=not_run)
    assert len(told) == 2 and all("all of them compared" in answer.stdout for answer in told.values())
    kept = json.loads((reader.home / "line.json").read_text())
    assert kept["database"] == f"sqlite:///{tmp_path / 'other.db'}"
    calls = json.loads(reader.types("hatif calls --json").stdout)
    assert [call["caller"] for call in calls] == [CALLER, CALLER]
    assert (reader.home / "hatif.db").exists()  # "The former database stays as it was."


def test_data_protection(reader: Reader, tmp_path: Path) -> None:
    page = Page("data-protection.md")
    (retention,) = page.written("toml")
    toml = tmp_path / "site" / "site.toml"
    assert reader.site is not None
    shutil.copytree(reader.site, toml.parent)
    toml.write_text(toml.read_text() + retention)
    kept = json.loads((reader.home / "line.json").read_text())
    (reader.home / "line.json").write_text(json.dumps({**kept, "site": str(toml.parent)}))

    # One call is older than `calls`.
    assert "`hatif data expire --dry-run`" in page.text
    counted = reader.types("hatif data expire --dry-run")
    assert counted.returncode == 0 and re.search(r"^calls .* 1 *$", counted.stdout, re.MULTILINE), counted
    assert len(json.loads(reader.types("hatif calls --json").stdout)) == 2
    assert reader.types("hatif data expire").returncode == 0
    assert len(json.loads(reader.types("hatif calls --json").stdout)) == 1

    out = tmp_path / "for the person"
    told = follow(page.commands(), reader.types, values={"FOLDER": f"'{out}'"})
    assert len(told) == 4
    assert "case:" in told[f"hatif audit --caller {CALLER}"].stdout, "before it is erased"
    data = json.loads((out / "data.json").read_text())
    assert CALLER in json.dumps(data) and out.stat().st_mode & 0o777 == 0o700
    for path in reader.home.rglob("*"):
        if path.is_file():
            assert CALLER.removeprefix("+33").encode() not in path.read_bytes(), path
    assert (reader.home / "erasures.json").exists()
    assert "it was erased" in reader.types(f"hatif caller show {CALLER}").stderr
