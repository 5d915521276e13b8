"""A commit for each release, where the site's folder is a git repository.

The commit is made from the new contents before any file is touched, so that what git refuses is refused before
anything has changed. What others have staged stays staged.

Nobody who may write into the repository gets a program run by it: no hook runs, nothing is fetched, no signature is
looked at, and a file that a filter of the repository's own settings would rewrite is not committed.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TRAILER = "Hatif-Change"
"""The line of a commit's message that names its change."""
_LIMIT_S = 20.0
_NONE = "0" * 40
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "LC_ALL": "C"}
_TRUSTED = ("system", "global")
"""Where the settings of git are this machine's or this user's."""
_BUSY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "index.lock")


class GitError(Exception):
    """Git does not make the commit; a sentence that says why."""


def is_repository(site: Path) -> bool:
    """Return whether the site's folder itself is a git repository; one around it does not count."""
    return (site / ".git").exists()


@dataclass(frozen=True, slots=True)
class Author:
    """Whose change it is: an account's id, and the person's name."""

    account: str
    name: str

    @property
    def environment(self) -> dict[str, str]:
        name = re.sub(r"[<>\x00-\x1f\x7f]", "", self.name).strip(" .,") or self.account
        mail = f"{re.sub(r'[^A-Za-z0-9_.+-]', '_', self.account)}@hatif.invalid"
        return {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": mail,
            "GIT_COMMITTER_NAME": "Hatif",
            "GIT_COMMITTER_EMAIL": "line@hatif.invalid",
        }


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that no branch has yet."""

    site: Path
    id: str
    parent: str | None
    files: tuple[str, ...]

    def publish(self) -> None:
        """Make it the last commit of the branch, and note the files, which must be in place. Raises GitError."""
        _git(self.site, "update-ref", "-m", "hatif: release", "HEAD", self.id, self.parent or _NONE)
        _git(self.site, "update-index", "--add", "--remove", "--", *self.files)


def prepare(
    site: Path, contents: Mapping[str, bytes | None], title: str, change: str, author: Author, scratch: Path
) -> Commit:
    """Make a commit of new contents (None: removed) upon the last one. Raises GitError.

    Args:
        change: The id of the change, which the message names.
        scratch: A folder for an index of our own.
    """
    if shutil.which("git") is None:
        raise GitError("The site's folder is a git repository, but git is not installed on this machine.")
    folder = Path(_git(site, "rev-parse", "--absolute-git-dir").strip())
    if busy := [name for name in _BUSY if (folder / name).exists()]:
        raise GitError(f"Somebody is at work in the site's git repository ({folder / busy[0]}); try again after it.")
    _refuse_filters(site, [file for file, content in contents.items() if content is not None])
    parent = _head(site)
    index = {"GIT_INDEX_FILE": str(scratch / "index")}
    _git(site, "read-tree", *(["HEAD"] if parent else ["--empty"]), environment=index)
    for file, content in contents.items():
        if content is None:
            _git(site, "update-index", "--force-remove", "--", file, environment=index)
            continue
        blob = _git(site, "hash-object", "-w", "--stdin", "--path", file, given=content).strip()
        mode = "100755" if os.access(site / file, os.X_OK) else "100644"
        _git(site, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{file}", environment=index)
    tree = _git(site, "write-tree", environment=index).strip()
    message = f"{title}\n\n{TRAILER}: {change}\n"
    above = ["-p", parent] if parent else []
    made = _git(site, "commit-tree", tree, *above, given=message.encode(), environment=author.environment)
    return Commit(site, made.strip(), parent, tuple(contents))


def _refuse_filters(site: Path, files: Sequence[str]) -> None:
    """Raise GitError if the repository itself has a program that git would run on one of the files."""
    if not files:
        return
    words = _git(site, "check-attr", "-z", "filter", "--", *files).split("\0")
    wanted = {name: file for file, name in zip(words[0::3], words[2::3], strict=False)}
    own = {
        name.removeprefix("filter.").rpartition(".")[0]
        for scope, name in _settings(site)
        if scope not in _TRUSTED and name.startswith("filter.")
    }
    for name in sorted(own & wanted.keys()):
        raise GitError(
            f"{wanted[name]} has the filter {name[:40]!r}, a program in the settings of the site's own git repository, "
            "which is not run here. Change and commit the file by hand, or set the filter with `git config --system`."
        )


def _settings(site: Path) -> Iterator[tuple[str, str]]:
    """Yield where a setting of git is made, and its name."""
    words = _git(site, "config", "--list", "--show-scope", "-z", "--name-only").split("\0")
    yield from zip(words[0::2], words[1::2], strict=False)


def last_message(site: Path) -> str:
    """Return the message of the last commit; empty if there is none, or git does not answer."""
    try:
        return _git(site, "log", "-1", "--format=%B")
    except GitError:
        return ""


def _head(site: Path) -> str | None:
    try:
        return _git(site, "rev-parse", "--quiet", "--verify", "HEAD").strip() or None
    except GitError:
        _git(site, "rev-parse", "--git-dir")  # says what is wrong, unless there is just no commit yet
        return None


def _git(site: Path, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
    options = [part for setting in (*_SETTINGS, f"safe.directory={site}") for part in ("-c", setting)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # The repository of the folder, and none around it.
    ours = {**_ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(site.parent)}
    try:
        done = subprocess.run(
            ["git", *options, "-C", str(site), *arguments],
            input=given,
            capture_output=True,
            timeout=_LIMIT_S,
            env={**clean, **ours, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not answer within {_LIMIT_S:g} s.") from None
    except OSError as error:
        raise GitError(f"git cannot be run ({error.strerror}).") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise GitError(f"git refuses the commit: {said[0].removeprefix('fatal: ')[:300]}")
    return done.stdout.decode(errors="replace")
