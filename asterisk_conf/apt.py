"""Debian's own packages, unpacked into a folder, without root and without touching the host: the private Asterisk, and
the voices that an administrator asks for.

apt runs with a configuration of its own, so that it neither reads nor changes the host's lists, state or hooks. The
programs need a newer libc than the host's and start through the dynamic linker of their own folder.
"""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import explain, make_folder, write_text
from asterisk_conf.progress import Progress

MARKER = "hatif-install.json"  # in the root of a finished tree: what was unpacked

_USUAL_MIRROR = "http://deb.debian.org/debian"
_KEYRINGS = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
# Of the host's own settings, what says how its network and its mirrors are; hooks and paths stay behind.
_CARRIED_OVER = re.compile(r"(?i)^Acquire::(Check-(Valid-Until|Date)|Max-ValidTime|Retries|ForceIPv|https?::)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be had, and the words of the sentences about it."""

    name: str  # "Asterisk"
    otherwise: str  # what a person can do where there is no such tree
    packages: tuple[str, ...]
    space: int  # bytes for lists, archives and the tree
    components: tuple[str, ...] = ("main",)
    suite: str = "sid"  # of Debian; only sid has Asterisk


ASTERISK = Wanted(
    name="Asterisk",
    otherwise="install Asterisk 22 yourself and name its program in HATIF_ASTERISK",
    packages=("asterisk", "asterisk-modules", "asterisk-moh-opsound-wav"),
    space=600_000_000,  # measured: 140 MB of lists, 95 of archives, 290 unpacked
)


@dataclass(frozen=True, slots=True)
class Machine:
    """How Debian names this kind of processor."""

    architecture: str
    triplet: str
    linker: str


_MACHINES = {
    "x86_64": Machine("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": Machine("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


def machine(wanted: Wanted = ASTERISK) -> Machine:
    found = _MACHINES.get(platform.machine())
    if platform.system() != "Linux" or not found:
        raise AsteriskError(
            f"There is no private {wanted.name} for {platform.system()} on {platform.machine()}: {wanted.otherwise}."
        )
    return found


def program(root: Path, name: str) -> tuple[str, ...]:
    """The command line that starts `name` (such as "usr/sbin/asterisk") of the tree in `root`."""
    library = root / "usr/lib" / machine().triplet
    return (str(library / machine().linker), "--library-path", str(library), str(root / name))


def unpack(folder: Path, root: Path, wanted: Wanted, progress: Progress) -> None:
    """Fetch what is wanted with all that it needs and unpack them into `root`, which appears complete or not at all.

    `folder` keeps what was fetched when this is interrupted, and is removed at the end.
    """
    for tool in ("apt-get", "apt-config", "dpkg-deb"):
        if not shutil.which(tool):
            raise AsteriskError(
                f"This machine has no {tool}, so no private {wanted.name} can be made: {wanted.otherwise}."
            )
    if any(character in str(root) for character in ':;"\\') or not str(root).isprintable():
        raise AsteriskError(f'{wanted.name} cannot be unpacked into {str(root)!r}: choose a path without : ; " and \\.')
    mirror = find_mirror()
    environment = _prepare(folder, mirror, wanted)
    _check_space(folder, wanted)
    progress.step(f"Reading the list of packages from {mirror}")
    _run(["apt-get", "-o", "APT::Update::Error-Mode=any", "update"], environment, mirror, wanted, progress)
    install = ["apt-get", "--yes", "--download-only", "install", *wanted.packages]
    archives = _archives(install, folder, environment, mirror, wanted)
    size = sum(archives.values())
    progress.step(f"Fetching {', '.join(wanted.packages)} from {mirror} ({size // 1_000_000} MB)")
    _run(install, environment, mirror, wanted, progress)
    progress.step(f"Unpacking {len(archives)} packages into {root}")
    _unpack_archives([folder / "cache/archives" / name for name in archives], root, wanted, progress)
    shutil.rmtree(folder, ignore_errors=True)


def versions(root: Path, wanted: Wanted) -> dict[str, str]:
    """Debian's versions of what was asked for, in a finished tree."""
    told: dict[str, dict[str, str]] = json.loads((root / MARKER).read_bytes())
    return {name: told["asked"].get(name, "unknown") for name in wanted.packages}


def find_mirror() -> str:
    """The Debian mirror: the one that HATIF_DEBIAN_MIRROR names, else the one that this machine's apt uses."""
    if named := os.environ.get("HATIF_DEBIAN_MIRROR"):
        if not re.fullmatch(r"[a-z][a-z+]*:[^\s\[\]\"]+", named):
            raise AsteriskError(f"HATIF_DEBIAN_MIRROR is {named!r}; give an address such as {_USUAL_MIRROR}.")
        return named
    try:
        is_debian = platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        is_debian = False
    form = "$(REPO_URI) $(COMPONENT) $(ORIGIN)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in listed.stdout.splitlines():
        uri, component, origin = line.split(maxsplit=2)
        # apt knows the origin only once it has fetched the lists.
        ours = origin == "Debian" or (is_debian and origin == "$(ORIGIN)")
        if component == "main" and ours and "security" not in uri and not uri.startswith("cdrom:"):
            return uri.rstrip("/")
    raise AsteriskError(
        f"No Debian mirror is known on this machine: name one, for example HATIF_DEBIAN_MIRROR={_USUAL_MIRROR}."
    )


def _prepare(folder: Path, mirror: str, wanted: Wanted) -> dict[str, str]:
    """apt's own world in `folder`; returns the environment that makes apt use it."""
    for name in ("state/lists/partial", "cache/archives/partial", "empty"):
        make_folder(folder / name)
    write_text(folder / "status", "", 0o600)
    keyring, components = _keyring(folder), " ".join(wanted.components)
    write_text(folder / "sources.list", f"deb [signed-by={keyring}] {mirror} {wanted.suite} {components}\n", 0o600)
    host = _host_settings()
    architecture = machine(wanted).architecture
    text = f"""\
Dir::State "{folder}/state";
Dir::State::lists "{folder}/state/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/empty";
Dir::Etc::parts "{folder}/empty";
Dir::Etc::main "{folder}/status";
Dir::Etc::preferences "{folder}/status";
Dir::Etc::preferencesparts "{folder}/empty";
APT::Architecture "{architecture}";
APT::Architectures "{architecture}";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
{host}"""
    write_text(folder / "apt.conf", text, 0o600)
    return os.environ | {"APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"}


def _host_settings() -> str:
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if _CARRIED_OVER.match(line))


def _keyring(folder: Path) -> Path:
    """Debian's public keys: the host's, or fetched as a package that the host's own distribution signed."""
    for name in _KEYRINGS:
        if (found := Path("/usr/share/keyrings", name)).is_file():
            return found
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        fetched = subprocess.run(
            ["apt-get", "download", "debian-archive-keyring"],
            cwd=temporary,
            capture_output=True,
            text=True,
            check=False,
        )
        for package in Path(temporary).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder / "keyring"], check=False, capture_output=True)
    for name in _KEYRINGS:
        if (found := folder / "keyring/usr/share/keyrings" / name).is_file():
            return found
    raise AsteriskError(
        f"Debian's signing keys are missing and could not be fetched ({_last_words(fetched.stderr)}): install the"
        f" package debian-archive-keyring."
    )


def _archives(
    install: Sequence[str], folder: Path, environment: dict[str, str], mirror: str, wanted: Wanted
) -> dict[str, int]:
    """The files that `install` needs, with their sizes in bytes.

    Asked with an empty cache: what an interrupted run fetched belongs to it, an older version left there does not.
    """
    make_folder(folder / "none/partial")
    command = [*install, "--print-uris", "-o", f"Dir::Cache::archives={folder}/none"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise _reason(result.stderr, mirror, wanted)
    # 'address' file size hash
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("'")]
    return {words[1]: int(words[2]) for words in lines}


def _run(command: Sequence[str], environment: dict[str, str], mirror: str, wanted: Wanted, progress: Progress) -> None:
    """Run apt and pass its own figures on, in thousandths."""
    readable, writable = os.pipe()
    with tempfile.TemporaryFile("w+") as errors, os.fdopen(readable) as status:
        try:
            process = subprocess.Popen(
                [*command, "-o", f"APT::Status-Fd={writable}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=[writable],
            )
        finally:
            os.close(writable)
        try:
            for line in status:
                kind, _, percent, *_ = [*line.split(":", 3), "", ""]
                if kind == "dlstatus":
                    progress.update(round(float(percent) * 10), 1000)
        finally:
            if process.wait():
                errors.seek(0)
                raise _reason(errors.read(), mirror, wanted)
    progress.update(1000, 1000)


def _reason(errors: str, mirror: str, wanted: Wanted) -> AsteriskError:
    """apt's last words as a sentence that says what to do."""
    words = _last_words(errors)
    for pattern, remedy in (
        (r"No space left|enough free space", "make room on the disk"),
        (r"does not have a Release file", f"name a mirror that has the suite {wanted.suite} in HATIF_DEBIAN_MIRROR"),
        (r"NO_PUBKEY|EXPKEYSIG|Missing key|verify signature", "update this machine's package debian-archive-keyring"),
        (r"expired|not valid yet|Valid-Until", "check this machine's clock, or name another HATIF_DEBIAN_MIRROR"),
        (
            r"Unable to locate|no installation candidate|unmet dep",
            f"try another HATIF_DEBIAN_MIRROR, or {wanted.otherwise}",
        ),
    ):
        if re.search(pattern, errors):
            return AsteriskError(f"{wanted.name} cannot be fetched from {mirror} ({words}): {remedy}.")
    return AsteriskError(
        f"The mirror {mirror} cannot be read ({words}): check the network, or name another HATIF_DEBIAN_MIRROR."
    )


def _last_words(errors: str) -> str:
    """The first complaint, on one line."""
    lines = sorted(errors.splitlines(), key=lambda line: not line.startswith("E: "))
    return " ".join(lines[0].removeprefix("E: ").removeprefix("W: ").split()) if lines else "it gave no reason"


def _check_space(folder: Path, wanted: Wanted) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted.space:
        raise AsteriskError(
            f"{wanted.name} needs {wanted.space // 1_000_000} MB in {folder.parent} and {free // 1_000_000} MB are"
            f" free: make room, or set HATIF_HOME to another disk."
        )


def _unpack_archives(archives: Sequence[Path], root: Path, wanted: Wanted, progress: Progress) -> None:
    unfinished = root.with_name(f"{root.name}.new")
    try:
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o755)
        versions = {}
        for number, archive in enumerate(archives, 1):
            result = subprocess.run(
                ["dpkg-deb", "-x", archive, unfinished], capture_output=True, text=True, check=False
            )
            if result.returncode:
                raise AsteriskError(
                    f"Cannot unpack {shlex.quote(str(archive))} ({_last_words(result.stderr)}): make room on the disk"
                    f" or remove the file, then try again."
                )
            name, version, _ = archive.name.split("_", 2)
            versions[name] = version.replace("%3a", ":")
            progress.update(number, len(archives))
        told = {name: versions.get(name, "unknown") for name in wanted.packages}
        write_text(unfinished / MARKER, json.dumps({"asked": told, "unpacked": versions}, indent=1) + "\n", 0o644)
        unfinished.rename(root)
    except OSError as error:
        raise explain(f"unpack {wanted.name} into", root, error) from error
