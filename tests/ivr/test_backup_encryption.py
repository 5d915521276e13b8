"""Backups that are encrypted to public keys: only a private key opens them, and real `age` is one that does."""

import base64
import errno
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import debian_tools
import pyrage
import pytest
from every import every
from shell import Answer, Shell
from test_backup import Source, answers

from ivr.data import archive, encryption
from ivr.data.encryption import BackupError
from ivr.data.expiry import _too_old
from ivr.home.settings import Settings

OURS, COLLEAGUE, STRANGER = (pyrage.x25519.Identity.generate() for _ in range(3))


def words(answer: Answer) -> str:
    return " ".join(answer.stderr.split())


def public(key: pyrage.x25519.Identity) -> str:
    return str(key.to_public())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with private keys, as `age-keygen` writes them."""
    folder = tmp_path_factory.mktemp("keys")
    for name, key in (("ours", OURS), ("colleague", COLLEAGUE), ("stranger", STRANGER)):
        (folder / name).write_text(f"# created: 2026-12-02\n# public key: {public(key)}\n{key}\n")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A line whose site names two recipients."""
    line = Source(tmp_path_factory.mktemp("line") / "home")
    assert line.site is not None
    with (line.site / "site.toml").open("a") as site:
        site.write(f'\n[backups]\nrecipients = ["{public(OURS)}", "{public(COLLEAGUE)}"]\n')
    return line


@pytest.fixture(scope="module")
def file(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("backup") / "line.hatif.tar.age"
    made = source.run("backup", str(out), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["encrypted_to"] == [public(OURS), public(COLLEAGUE)]
    return out


def test_any_recipients_key_restores_the_line_and_is_not_kept(
    source: Source, file: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("ours", "colleague"):
        second = Shell(tmp_path / name)
        restored = second.run("restore", str(file), "--key", str(keys[name]))
        assert restored.returncode == 0, restored.stderr
        assert answers(second, source.reference) == answers(source, source.reference)
        assert not any(b"AGE-SECRET-KEY" in path.read_bytes() for path in second.home.rglob("*") if path.is_file())
    content = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(plain in content for plain in (b"SQLite format", b"backup.json", b"pin_pepper", source.message))


def test_age_of_debian_decrypts_a_backup(file: Path, keys: dict[str, Path]) -> None:
    age = debian_tools.find("age", "usr/bin/age")
    decrypted = subprocess.run(
        [*age.command, "--decrypt", "--identity", keys["colleague"], file], stdout=subprocess.PIPE, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(decrypted.stdout)) as opened:
        assert {"backup.json", "database/hatif.db", "home/secrets.json", "manifest.json"} <= {*opened.getnames()}


def test_what_age_of_debian_encrypted_and_armoured_is_restored(
    source: Source, file: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    age = debian_tools.find("age", "usr/bin/age")
    plain = subprocess.run(
        [*age.command, "--decrypt", "--identity", keys["ours"], file], stdout=subprocess.PIPE, check=True
    ).stdout
    subprocess.run(
        [*age.command, "--armor", "--recipient", public(OURS), "--output", tmp_path / "armoured"],
        input=plain,
        check=True,
    )
    second = Shell(tmp_path / "second")
    restored = second.run("restore", str(tmp_path / "armoured"), "--key", str(keys["ours"]))
    assert restored.returncode == 0, restored.stderr
    assert answers(second, source.reference) == answers(source, source.reference)


def test_each_wrong_key_or_file_is_refused_with_its_reason_and_leaves_nothing(
    source: Source, file: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    whole = file.read_bytes()
    header = whole.index(b"\n--- ") + 50
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    plain = tmp_path / "plain.tar"
    with plain.open("wb") as out, encryption.opened(file, [OURS]) as opened:
        out.write(opened.read())
    (tmp_path / "no_key").write_text("# public key: age1…\n")
    (tmp_path / "encrypted_key").write_bytes(pyrage.passphrase.encrypt(b"AGE-SECRET-KEY-1", "word", armored=True))

    def refusal(content: bytes, *more: str) -> str:
        (tmp_path / "bad.age").write_bytes(content)
        home = tmp_path / "second"
        refused = Shell(home).run("restore", str(tmp_path / "bad.age"), *more)
        assert refused.returncode == 1 and not (home.exists() and list(home.iterdir())), refused
        return words(refused)

    ours = ("--key", str(keys["ours"]))
    assert "is encrypted; give --key FILE" in refusal(whole)
    assert "another key than the one of --key" in refusal(whole, "--key", str(keys["stranger"]))
    assert "cut short, or not as it was written" in refusal(whole[:-1], *ours)
    assert "cut short, or not as it was written" in refusal(whole[: len(whole) // 2], *ours)
    assert "cut short, or not as it was written" in refusal(bytes(changed), *ours)
    # A cut between two pieces: all that is there can be decrypted.
    assert "cut short, or not as it was written" in refusal(whole[: header + 16 + 5 * (65_536 + 16)], *ours)
    assert "the beginning of" in refusal(whole[:100], *ours)
    # The library reads such a header again and again: one of two megabytes took over a minute.
    stanzas = b"age-encryption.org/v1\n" + (b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n") * 20_000
    assert "its header does not end" in refusal(stanzas, *ours)
    armoured = base64.encodebytes(stanzas).replace(b"\n", b"\r\n")
    assert "its header does not end" in refusal(b"-----BEGIN AGE ENCRYPTED FILE-----\r\n" + armoured, *ours)
    assert "is not encrypted" in refusal(plain.read_bytes(), *ours)
    assert "has no private key" in refusal(whole, "--key", str(tmp_path / "no_key"))
    assert "Open one with a passphrase first" in refusal(whole, "--key", str(tmp_path / "encrypted_key"))
    assert "cannot be read" in refusal(whole, "--key", str(tmp_path / "missing"))
    assert Shell(tmp_path / "second").run("restore", str(plain)).returncode == 0, "the file itself was in order"


def test_a_key_from_standard_input_says_which_tables_the_earlier_version_had(
    source: Source, file: Path, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = source.run("db", "downgrade", str(file))
    assert refused.returncode == 1 and "give --key FILE" in words(refused)
    monkeypatch.setattr(sys, "stdin", io.StringIO(keys["ours"].read_text()))
    same = source.run("db", "downgrade", str(file), "--key", "-")
    assert same.returncode == 0 and "no migrations undone" in same.stdout, same


def test_to_replaces_the_recipients_of_the_site_and_the_ending_says_that_a_file_is_encrypted(
    source: Source, tmp_path: Path
) -> None:
    made = source.run("backup", str(tmp_path / "b.tar"), "--to", public(STRANGER))
    assert made.returncode == 0 and "encrypted to 1 public key" in made.stdout, made
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar.age"]
    assert archive.read_about(tmp_path / "b.tar.age", [OURS, STRANGER]).node == "node1"
    with pytest.raises(BackupError, match="another key"):
        archive.read_about(tmp_path / "b.tar.age", [OURS])


def test_a_file_that_would_only_look_encrypted_is_not_written(tmp_path: Path) -> None:
    refused = Source(tmp_path / "home").run("backup", str(tmp_path / "b.age"))
    assert refused.returncode == 1 and "this one would not be encrypted" in words(refused)
    assert not (tmp_path / "b.age").exists()


@every(
    ("recipient", "sentence"),
    [
        ("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "is not a public key of age"),
        (public(OURS)[:-1], "is not a public key of age"),
        ("", "is not a public key of age"),
        (str(OURS), "this is a private key"),
    ],
)
def test_what_is_no_public_key_is_refused_by_the_option_and_by_the_site(
    recipient: str, sentence: str, tmp_path: Path
) -> None:
    line = Source(Path(mkdtemp(dir=tmp_path)) / "home")
    refused = line.run("backup", str(tmp_path / "b.age"), f"--to={recipient}")
    assert refused.returncode == 1 and sentence in words(refused) and str(OURS) not in refused.stderr, refused
    assert line.site is not None
    with (line.site / "site.toml").open("a") as site:
        site.write(f'\n[backups]\nrecipients = ["{recipient}"]\n')
    checked = line.run("check")
    assert checked.returncode == 1 and sentence in words(checked), checked
    assert str(OURS) not in checked.stdout + checked.stderr
    assert not (tmp_path / "b.age").exists()


def test_nothing_is_written_unencrypted_outside_of_the_home(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is written, a share of other people's has the encrypted draft only."""
    seen: list[list[str]] = []
    encrypt = pyrage.encrypt_io

    def watched(*arguments: object) -> None:
        seen.append([path.name for path in (tmp_path / "share").iterdir()])
        encrypt(*arguments)

    monkeypatch.setattr(pyrage, "encrypt_io", watched)
    assert source.run("backup", str(tmp_path / "share" / "b.age")).returncode == 0
    assert seen == [[".b.age.new"]] and [path.name for path in (tmp_path / "share").iterdir()] == ["b.age"]
    assert not list(source.home.glob(".hatif-backup-*"))


def test_encrypted_backups_are_counted_expire_and_are_fresh_like_others(source: Source) -> None:
    settings = Settings(source.home, source.home / "site", 19_000)
    assert source.run("backup").returncode == 0
    (made,) = settings.backups.iterdir()
    assert made.name.endswith(".hatif.tar.age")
    os.utime(made, (0, 0))
    assert list(_too_old(settings, "backups", archive.read_about(made, [OURS]).made)) == [made]
    found = json.loads(source.run("health", "--json").stdout)["parts"]
    (backup,) = (part for part in found if part["name"] == "backup")
    assert "the newest of 1 is" in backup["found"]
    made.unlink()


def test_a_disk_that_is_full_is_said_and_leaves_no_file(source: Source, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / "b.age"
    about = archive.About("0.0.1", datetime.now(UTC), "node1", "Site", "sqlite", "0001")
    big = tmp_path / "big"
    big.write_bytes(bytes(1_000_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(OSError) as full:
            archive.write(out, about, [("site/big", big)], [public(OURS)])
        assert full.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path.name for path in tmp_path.iterdir()} == {"big"}


MEASURED = """
import os, resource, sys
from datetime import UTC, datetime
from pathlib import Path
import pyrage
from ivr.data import archive

folder = Path(sys.argv[1])
with (folder / "big").open("wb") as big:
    big.truncate(150_000_000)
key = pyrage.x25519.Identity.generate()
about = archive.About("0.0.1", datetime.now(UTC), "node1", "Site", "sqlite", "0001")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
archive.write(folder / "b.age", about, [(archive.DATABASE, folder / "big")], [str(key.to_public())])
written = peak()
archive.unpack(folder / "b.age", folder / "out", [key])
assert (folder / "out" / archive.DATABASE).stat().st_size == 150_000_000
print(written - before, peak() - before)
"""


def test_memory_does_not_grow_with_the_backup(tmp_path: Path) -> None:
    measured = subprocess.run([sys.executable, "-c", MEASURED, tmp_path], stdout=subprocess.PIPE, check=True, text=True)
    written, read = map(int, measured.stdout.split())
    assert max(written, read) < 40, f"150 MB were written with {written} MB and read with {read} MB more"
