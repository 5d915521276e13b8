"""Files of the site are exchanged all together or not at all, whatever interrupts it; a release may be a commit."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from line import CHECKOUT

from ivr.site_changes import exchange, files, git
from ivr.site_changes.edits import EditError
from ivr.site_changes.exchange import AFTER, BEFORE, CHANGE, FOLDER, Exchange, ExchangeError
from ivr.site_changes.git import Author, GitError

CHANGE_ID = "0193a1b2-0000-7000-8000-000000000001"
OLD = {"site.toml": b"old\n", "guide/visa.yaml": b"old\n", "guide/gone.yaml": b"old\n"}
NEW: dict[str, bytes | None] = {
    "site.toml": b"new\n",
    "guide/visa.yaml": b"new\n",
    "guide/gone.yaml": None,
    "guide/fresh.yaml": b"new\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for file, content in OLD.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    (folder / "site.toml").chmod(0o640)
    return folder


def now(site: Path) -> dict[str, bytes]:
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def kept(home: Path, state: str = "ready") -> Path:
    """Keep the change as `SiteChanges` does before it exchanges files."""
    folder = home / FOLDER / CHANGE_ID
    rows = [
        {"file": file, "before": files.digest(OLD.get(file)), "after": files.digest(content)}
        for file, content in NEW.items()
    ]
    for name, contents in ((BEFORE, OLD), (AFTER, NEW)):
        for file, content in contents.items():
            if content is not None:
                (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / name / file).write_bytes(content)
    (folder / CHANGE).write_text(json.dumps({"state": state, "files": rows}))
    return folder


def test_all_files_are_exchanged_and_keep_their_permissions(site: Path) -> None:
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    assert {name: content for name, content in now(site).items() if name in OLD} == OLD
    exchanged.put()
    assert now(site) == {name: content for name, content in NEW.items() if content is not None}
    assert (site / "site.toml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("put", range(5))
def test_a_start_after_a_kill_in_between_finds_all_files_as_before(tmp_path: Path, site: Path, put: int) -> None:
    kept(tmp_path)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchange.begin(tmp_path / FOLDER, CHANGE_ID)
    exchanged.prepare()
    # The kill comes after so many of the files.
    Exchange(site, dict([*NEW.items()][:put]), CHANGE_ID).put()
    exchange.recover(tmp_path, site)
    assert now(site) == OLD
    exchange.recover(tmp_path, site)  # nothing is left to do
    assert now(site) == OLD


def test_a_start_after_a_kill_behind_the_release_leaves_the_new_files(tmp_path: Path, site: Path) -> None:
    kept(tmp_path, state="released")
    exchange.begin(tmp_path / FOLDER, CHANGE_ID)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    exchanged.put()
    exchange.recover(tmp_path, site)
    assert now(site) == {name: content for name, content in NEW.items() if content is not None}


def test_a_file_that_somebody_has_saved_since_the_kill_stays(tmp_path: Path, site: Path) -> None:
    kept(tmp_path)
    exchange.begin(tmp_path / FOLDER, CHANGE_ID)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    exchanged.put()
    (site / "guide" / "visa.yaml").write_bytes(b"by an editor\n")
    exchange.recover(tmp_path, site)
    assert now(site) == {**OLD, "guide/visa.yaml": b"by an editor\n"}


def test_a_symbolic_link_is_not_replaced_by_a_file(tmp_path: Path, site: Path) -> None:
    (site / "guide" / "visa.yaml").rename(tmp_path / "elsewhere.yaml")
    (site / "guide" / "visa.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    before = now(site)
    with pytest.raises(ExchangeError, match="symbolic link"):
        Exchange(site, NEW, CHANGE_ID).prepare()
    assert now(site) == before


def test_a_folder_that_is_a_link_out_of_the_site_is_neither_read_nor_written(tmp_path: Path, site: Path) -> None:
    (site / "guide").rename(tmp_path / "elsewhere")
    (site / "guide").symlink_to(tmp_path / "elsewhere")
    before = now(tmp_path / "elsewhere")
    with pytest.raises(ExchangeError, match="symbolic link"):
        Exchange(site, NEW, CHANGE_ID).prepare()
    assert now(tmp_path / "elsewhere") == before
    (site / "flow.yaml").symlink_to("/etc/passwd")
    (site / "texts.yaml").symlink_to("site.toml")
    for file in ("guide/visa.yaml", "flow.yaml"):
        with pytest.raises(EditError, match="a link that leads out"):
            files.content_of(site, file)
    assert files.all_contents(site) == {"site.toml": b"old\n", "texts.yaml": b"old\n"}


def test_a_site_with_very_many_files_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILES", 2)
    with pytest.raises(EditError, match="The site's files are more than 2"):
        files.all_contents(site)


def test_a_folder_that_cannot_be_written_is_named_and_nothing_changes(site: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from ivr.site_changes.edits import EditError
from ivr.site_changes.exchange import Exchange, ExchangeError
site = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
try:
    Exchange(site, {"site.toml": b"new", "guide/visa.yaml": b"new"}, "x").prepare()
except ExchangeError as error:
    print(error)
"""
    for folder in (*site.parents[:3], site):
        folder.chmod(folder.stat().st_mode | 0o055)
    site.joinpath("guide").chmod(0o555)
    site.chmod(0o555)
    said = subprocess.run(
        [sys.executable, "-c", program, str(site)], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    site.chmod(0o755)
    assert f"{site} cannot be written (Permission denied); nothing was changed." in said.stdout, said
    assert now(site) == OLD


# With git


@pytest.fixture
def repository(site: Path) -> Callable[..., str]:
    """Make the site a repository with one commit; the function runs git in it."""

    def run(*arguments: str) -> str:
        ours = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        named = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        command = ["git", "-C", str(site), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **ours, **named})
        return done.stdout

    run("init", "--quiet")
    run("add", ".")
    run("commit", "--quiet", "-m", "first")
    return run


def commit(site: Path, tmp_path: Path) -> git.Commit:
    return git.prepare(site, NEW, "Visa: a new fee", CHANGE_ID, Author("1040", "Zineb <Olive>\n"), tmp_path)


def test_a_release_is_a_commit_in_the_persons_name_without_any_hook(
    tmp_path: Path, site: Path, repository: Callable[..., str]
) -> None:
    for hook in ("pre-commit", "post-commit", "reference-transaction", "post-index-change"):
        path = site / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\nexit 1\n")
        path.chmod(0o755)
    (site / "texts.yaml").write_text("of somebody else\n")
    (site / "staged.yaml").write_text("of somebody else\n")
    repository("-c", "core.hooksPath=/dev/null", "add", "staged.yaml")
    prepared = commit(site, tmp_path)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    exchanged.put()
    prepared.publish()
    assert not (tmp_path / "hooked").exists()
    shown = repository("log", "-1", "--format=%an <%ae> %cn%n%s%n%b")
    assert shown.splitlines()[:2] == ["Zineb Olive <1040@hatif.invalid> Hatif", "Visa: a new fee"]
    assert f"Hatif-Change: {CHANGE_ID}" in shown
    assert repository("show", "--name-status", "--format=").split() == [
        *("A", "guide/fresh.yaml", "D", "guide/gone.yaml", "M", "guide/visa.yaml", "M", "site.toml")
    ]
    # What others have done is as it was: one file is staged, one is not known to git.
    assert repository("status", "--porcelain").splitlines() == ["A  staged.yaml", "?? texts.yaml"]


def test_no_program_of_the_repository_runs(tmp_path: Path, site: Path, repository: Callable[..., str]) -> None:
    """Whoever may write there would otherwise have it run by the line's user."""
    evil = f"touch {tmp_path}/evil; cat"
    for name, value in (
        ("filter.e=v.il.clean", evil),
        ("filter.e=v.il.process", evil),
        ("core.fsmonitor", evil),
        ("core.pager", evil),
        ("gpg.program", f"{tmp_path}/gpg"),
        ("log.showSignature", "true"),
        ("commit.gpgSign", "true"),
    ):
        repository("config", name, value)
    (tmp_path / "gpg").write_text(f"#!/bin/sh\ntouch {tmp_path}/evil\n")
    (tmp_path / "gpg").chmod(0o755)
    (site / ".git" / "info").mkdir(exist_ok=True)
    attributes = site / ".git" / "info" / "attributes"
    attributes.write_text("guide/visa.yaml filter=e=v.il\n")
    with pytest.raises(GitError, match=r"guide/visa.yaml has the filter 'e=v.il', a program"):
        commit(site, tmp_path)
    attributes.write_text("staged.yaml filter=e=v.il\n")  # no file of the change
    prepared = commit(site, tmp_path)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    exchanged.put()
    prepared.publish()
    # As if it were signed.
    signed = repository("cat-file", "commit", "HEAD").replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n\n", 1)
    (tmp_path / "signed").write_text(signed)
    repository("update-ref", "HEAD", repository("hash-object", "-t", "commit", "-w", str(tmp_path / "signed")).strip())
    assert "Visa: a new fee" in git.last_message(site)
    assert not (tmp_path / "evil").exists()


def test_a_filter_of_this_machine_is_used(
    tmp_path: Path, site: Path, repository: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text('[filter "upper"]\n\tclean = tr a-z A-Z\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (site / ".gitattributes").write_text("site.toml filter=upper\n")
    prepared = commit(site, tmp_path)
    assert repository("show", f"{prepared.id}:site.toml") == "NEW\n"


def test_nothing_is_fetched_that_the_repository_lacks(
    tmp_path: Path, site: Path, repository: Callable[..., str]
) -> None:
    lost = repository("rev-parse", "HEAD^{tree}").strip()
    (site / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", f"ext::sh -c touch% {tmp_path}/evil"),
        ("remote.origin.promisor", "true"),
        ("protocol.ext.allow", "always"),
    ):
        repository("config", name, value)
    with pytest.raises(GitError, match="git refuses the commit"):
        commit(site, tmp_path)
    assert not (tmp_path / "evil").exists()


def test_the_first_commit_of_an_empty_repository_is_made(tmp_path: Path, site: Path) -> None:
    subprocess.run(["git", "-C", str(site), "init", "--quiet"], check=True)
    prepared = commit(site, tmp_path)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    exchanged.put()
    prepared.publish()
    assert "Visa: a new fee" in git.last_message(site)


def test_a_repository_in_which_somebody_works_is_left_alone(
    tmp_path: Path, site: Path, repository: Callable[..., str]
) -> None:
    (site / ".git" / "MERGE_HEAD").write_text("x\n")
    with pytest.raises(GitError, match="Somebody is at work"):
        commit(site, tmp_path)
    (site / ".git" / "MERGE_HEAD").unlink()
    prepared = commit(site, tmp_path)
    repository("commit", "--quiet", "--allow-empty", "-m", "meanwhile")
    with pytest.raises(GitError, match="git refuses the commit"):
        prepared.publish()
    assert "meanwhile" in git.last_message(site)


def test_a_broken_repository_is_refused_with_what_git_says(tmp_path: Path, site: Path) -> None:
    (site / ".git").mkdir()
    with pytest.raises(GitError, match="not a git repository"):
        commit(site, tmp_path)


def test_a_start_after_a_kill_behind_the_commit_leaves_the_new_files(
    tmp_path: Path, site: Path, repository: Callable[..., str]
) -> None:
    kept(tmp_path)
    prepared = commit(site, tmp_path)
    exchange.begin(tmp_path / FOLDER, CHANGE_ID)
    exchanged = Exchange(site, NEW, CHANGE_ID)
    exchanged.prepare()
    exchanged.put()
    prepared.publish()
    exchange.recover(tmp_path, site)
    assert (site / "site.toml").read_bytes() == b"new\n"
    assert json.loads((tmp_path / FOLDER / CHANGE_ID / CHANGE).read_text())["state"] == "released"
