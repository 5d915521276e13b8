"""The secrets are generated once, kept, and never readable by others."""

import json
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.home.credentials import CredentialsError, forget_others, load, renew, set_outer


@pytest.fixture
def lax_umask() -> Iterator[None]:
    """With this umask, files without an explicit mode would be readable by everyone."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_secrets_are_generated_at_the_first_start_and_kept(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there" / "yet"
    first = load(home, ("1001", "1002"))
    assert load(home, ("1001", "1002")) == first
    made = (first.ari_password, first.ami_password, first.control_token, *first.operators.values())
    assert len(set(made)) == len(made) == 5
    assert all(len(item) >= 32 for item in made)


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    one, other = load(tmp_path / "one", ("1001",)), load(tmp_path / "other", ("1001",))
    assert one.operators["1001"] != other.operators["1001"]
    assert one.control_token != other.control_token


def test_a_new_operator_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    first = load(tmp_path, ("1001",))
    second = load(tmp_path, ("1001", "1002"))
    assert second.operators["1001"] == first.operators["1001"]
    assert second.operators["1002"] not in ("", first.operators["1001"])
    assert (second.ari_password, second.control_token) == (first.ari_password, first.control_token)
    assert load(tmp_path, ()) == second, "an operator who left the list keeps their password for their return"


def test_a_renewed_password_is_another_one_and_nothing_else_changes(tmp_path: Path) -> None:
    first = load(tmp_path, ("1001", "1002"))
    made = renew(tmp_path, "1002")
    assert made != first.operators["1002"] and len(made) >= 32
    assert load(tmp_path, ()) == replace(first, operators={"1001": first.operators["1001"], "1002": made})


def test_the_password_of_an_operator_who_was_removed_is_forgotten(tmp_path: Path) -> None:
    first = load(tmp_path, ("1001", "1002"))
    assert forget_others(tmp_path, ("1001", "1003")) == ("1002",)
    assert first.operators["1002"] not in (tmp_path / "secrets.json").read_text()
    assert forget_others(tmp_path, ("1001", "1003")) == ()
    assert load(tmp_path, ("1001", "1002")).operators["1002"] != first.operators["1002"]


def test_passwords_that_several_processes_renew_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    operators = tuple(str(1000 + n) for n in range(20))
    load(tmp_path, operators)
    with ThreadPoolExecutor(8) as threads:
        made = dict(zip(operators, threads.map(lambda operator: renew(tmp_path, operator), operators), strict=True))
    assert load(tmp_path, ()).operators == made
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_a_start_without_new_secrets_writes_nothing(tmp_path: Path) -> None:
    load(tmp_path, ("1001",))
    before = (tmp_path / "secrets.json").stat()
    load(tmp_path, ("1001",))
    after = (tmp_path / "secrets.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.usefixtures("lax_umask")
def test_the_file_is_readable_by_its_owner_only_at_every_moment(tmp_path: Path) -> None:
    modes: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    modes.add(stat.S_IMODE(entry.stat().st_mode))
                except FileNotFoundError:
                    continue  # between two names

    watcher = threading.Thread(target=watch)
    watcher.start()
    for count in range(100):
        load(tmp_path, tuple(str(1000 + n) for n in range(count)))
    done.set()
    watcher.join()
    assert modes == {0o600}
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


@pytest.mark.usefixtures("lax_umask")
def test_the_remains_of_a_killed_start_are_replaced(tmp_path: Path) -> None:
    draft = tmp_path / "secrets.new"
    draft.write_text("half a f")
    draft.chmod(0o644)
    load(tmp_path, ("1001",))
    path = tmp_path / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["operators"].keys() == {"1001"}
    assert not draft.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"hatif"',
        b'{"ari_password": "x',
        b"\xff\xfe\x00",
        b'{"operators": null}',
        b'{"operators": []}',
        b'{"operators": [["1001", "x"]]}',
        b'{"operators": {"1001": 7}}',
        b'{"operators": {"1001": null}}',
        b'{"ari_password": ["x"]}',
        b'{"control_token": 7}',
    ],
)
def test_a_broken_file_is_reported_in_one_sentence_and_not_overwritten(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(content)
    with pytest.raises(CredentialsError) as error:
        load(tmp_path, ("1001",))
    assert str(error.value).startswith(f"{path} cannot be read (") and "delete it" in str(error.value)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_an_unwritable_folder_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(CredentialsError) as error:
        load(tmp_path / "home", ())
    assert "\n" not in str(error.value)
    assert str(tmp_path / "home" / "secrets.json") in str(error.value)


def test_the_message_about_a_broken_file_contains_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(
        '{"ari_password": "a-very-secret-word", "operators": {"1001": "another-one"}'
    )
    with pytest.raises(CredentialsError) as error:
        load(tmp_path, ())
    assert "secret-word" not in str(error.value) and "another-one" not in str(error.value)


def test_secrets_that_root_changes_still_belong_to_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 1000, 1000)
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda file, user, group: given.append((user, group)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    set_outer(tmp_path, "example", "chosen by them")
    folder = tmp_path.stat()
    assert given == [(folder.st_uid, folder.st_gid)]
