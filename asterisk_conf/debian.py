"""An isolated configuration of apt that neither reads nor changes the host's lists, state or hooks."""

import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import make_folder, write_text
from asterisk_conf.progress import Progress

_USUAL_MIRROR = "http://deb.debian.org/debian"
_KEYRINGS = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
# The host's settings about network and mirrors are kept; hooks and paths are not.
_CARRIED_OVER = re.compile(r"(?i)^Acquire::(Check-(Valid-Until|Date)|Max-ValidTime|Retries|ForceIPv|https?::)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The package to install, and the wording of messages about it."""

    name: str  # "Asterisk"
    otherwise: str  # what an administrator can do instead
    packages: tuple[str, ...]
    space: int  # bytes for lists, archives and the tree
    suite: str = "sid"  # of Debian; only sid has Asterisk
    one_series: bool = False  # whether a release of another series (23 instead of 22) is refused


ASTERISK = Wanted(
    name="Asterisk",
    otherwise="install Asterisk 22 yourself and name its program in HATIF_ASTERISK",
    packages=("asterisk", "asterisk-modules", "asterisk-moh-opsound-wav"),
    space=600_000_000,  # measured: 140 MB of lists, 95 of archives, 290 unpacked
    one_series=True,
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Debian's names for a processor architecture."""

    architecture: str
    triplet: str
    linker: str


_MACHINES = {
    "x86_64": Machine("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": Machine("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}
ARCHITECTURES = tuple(kind.architecture for kind in _MACHINES.values())


def machine(wanted: Wanted = ASTERISK) -> Machine:
    """Return this machine's kind of processor.

    Raises:
        AsteriskError: Debian's packages do not run on this machine.
    """
    found = _MACHINES.get(platform.machine())
    if platform.system() != "Linux" or not found:
        raise AsteriskError(
            f"There is no private {wanted.name} for {platform.system()} on {platform.machine()}: {wanted.otherwise}."
        )
    return found


def find_mirror() -> str:
    """Return the Debian mirror: HATIF_DEBIAN_MIRROR, else the mirror of this machine's apt."""
    if named := os.environ.get("HATIF_DEBIAN_MIRROR"):
        if not re.fullmatch(r"[a-z][a-z+]*:[^\s\[\]\"]+", named):
            raise AsteriskError(f"HATIF_DEBIAN_MIRROR is {named!r}; give an address such as {_USUAL_MIRROR}.")
        return named.rstrip("/")
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
        # apt knows the origin only after it has downloaded the lists.
        ours = origin == "Debian" or (is_debian and origin == "$(ORIGIN)")
        if component == "main" and ours and "security" not in uri and not uri.startswith("cdrom:"):
            return uri.rstrip("/")
    raise AsteriskError(
        f"No Debian mirror is configured on this machine: set one, for example HATIF_DEBIAN_MIRROR={_USUAL_MIRROR}."
    )


def prepare(folder: Path, mirror: str, wanted: Wanted, architecture: str | None = None) -> dict[str, str]:
    """Create apt's isolated configuration in `folder`; return the environment that makes apt use it."""
    for name in ("state/lists/partial", "cache/archives/partial", "empty"):
        make_folder(folder / name)
    write_text(folder / "status", "", 0o600)
    keyring = _keyring(folder)
    write_text(folder / "sources.list", f"deb [signed-by={keyring}] {mirror} {wanted.suite} main\n", 0o600)
    host = _host_settings()
    architecture = architecture or machine(wanted).architecture
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
Acquire::http::Proxy::localhost "DIRECT";
Acquire::http::Proxy::127.0.0.1 "DIRECT";
Debug::NoLocking "true";
{host}"""
    write_text(folder / "apt.conf", text, 0o600)
    return os.environ | {"APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"}


def _host_settings() -> str:
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if _CARRIED_OVER.match(line))


def _keyring(folder: Path) -> Path:
    """Return Debian's public keys: the host's, or those of a package signed by the host's distribution."""
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
        f"Debian's signing keys are missing and could not be downloaded ({first_error(fetched.stderr)}): install the"
        f" package debian-archive-keyring."
    )


def run(command: Sequence[str], environment: dict[str, str], mirror: str, wanted: Wanted, progress: Progress) -> None:
    """Run a program of apt; raise AsteriskError if it fails."""
    if errors := errors_of(command, environment, progress):
        raise apt_error(errors, mirror, wanted)


def errors_of(command: Sequence[str], environment: dict[str, str], progress: Progress) -> str:
    """Run a program of apt and report its progress, in thousandths; return its errors if it failed, else ""."""
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
            failed = process.wait()
        if failed:
            errors.seek(0)
            return errors.read() or "it gave no reason"
    progress.update(1000, 1000)
    return ""


def apt_error(errors: str, mirror: str, wanted: Wanted) -> AsteriskError:
    """Return apt's errors as one sentence with a remedy."""
    words = first_error(errors)
    for pattern, remedy in (
        (r"No space left|enough free space", "free some disk space"),
        (r"does not have a Release file", f"set HATIF_DEBIAN_MIRROR to a mirror with the suite {wanted.suite}"),
        (r"NO_PUBKEY|EXPKEYSIG|Missing key|verify signature", "update this machine's package debian-archive-keyring"),
        (r"expired|not valid yet|Valid-Until", "check this machine's clock, or set another HATIF_DEBIAN_MIRROR"),
        (
            r"Unable to locate|no installation candidate|unmet dep",
            f"try another HATIF_DEBIAN_MIRROR, or {wanted.otherwise}",
        ),
    ):
        if re.search(pattern, errors):
            return AsteriskError(f"{wanted.name} cannot be downloaded from {mirror} ({words}): {remedy}.")
    return AsteriskError(
        f"The mirror {mirror} cannot be read ({words}): check the network, or set another HATIF_DEBIAN_MIRROR."
    )


def first_error(errors: str) -> str:
    """Return the first error message, on one line."""
    lines = sorted(errors.splitlines(), key=lambda line: not line.startswith("E: "))
    return " ".join(lines[0].removeprefix("E: ").removeprefix("W: ").split()) if lines else "it gave no reason"
