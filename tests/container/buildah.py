"""Debian's buildah and mmdebstrap, unpacked beside the tests' Asterisk.

They build an image as root, without a daemon and without pulling one.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import debian_tools
from line import CACHE, CHECKOUT

from asterisk_conf.debian import Wanted, machine

TOOLS = Wanted(
    name="buildah and mmdebstrap",
    otherwise="leave out tests/container",
    packages=("buildah", "crun", "mmdebstrap", "netavark"),
    space=900_000_000,
    suite="trixie",
)
_CERTIFICATES = Path("/etc/ssl/certs")

WITH_LIBRARIES = """
set -e
# buildah starts itself again without an environment: its libraries must be where the machine's are, whose own go first.
mount -t overlay overlay -o lowerdir={libraries}:{root}{libraries} {libraries}
mount -t proc proc /proc
{more}
exec "$@"
"""


def missing() -> str | None:
    """Return what this machine lacks to build an image; None if nothing."""
    if os.geteuid():
        return "only root may build an image here"
    for tool in ("unshare", "perl", "ip"):
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            return f"there is no {tool}"
    if "VERSION_CODENAME=trixie" not in Path("/etc/os-release").read_text():
        return "the tools are those of Debian 13"
    return None


class Buildah:
    """A store of images in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = debian_tools.tree(TOOLS, CACHE / "containers")
        helpers = self._root / "usr/lib/podman"
        (folder / "containers.conf").write_text(
            # The usual limits are above those of a machine that is a container itself.
            f'[engine]\nhelper_binaries_dir=["{helpers}"]\n'
            '[containers]\ndefault_ulimits=["nofile=20000:20000", "nproc=20000:20000"]\n'
        )
        (folder / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self._policy = ("--signature-policy", str(folder / "policy.json"))

    def base(self, name: str) -> None:
        """Make an image of Debian 13 from its packages, with this machine's settings of apt for stored mirrors."""
        archive = self.folder / "base.tar"
        options = [
            f"--aptopt={line.rstrip(';')}"
            for line in subprocess.run(["apt-config", "dump"], capture_output=True, text=True).stdout.splitlines()
            if line.startswith("Acquire::Check-")
        ]
        command = [
            "perl",
            str(self._root / "usr/bin/mmdebstrap"),
            "--variant=minbase",
            *options,
            "trixie",
            str(archive),
        ]
        subprocess.run(command, check=True, timeout=900, capture_output=True)
        container = self("from", *self._policy, "scratch")
        self("add", "-q", container, str(archive), "/")
        self("commit", "-q", *self._policy, container, name)
        self("rm", container)

    def build(self, base: str, name: str) -> None:
        """Build the image of this checkout. Packages come from this machine's mirrors and registries."""
        arguments = {"BASE": f"localhost/{base}"}
        if (bundle := _CERTIFICATES / "ca-certificates.crt").exists():
            arguments |= dict.fromkeys(("PIP_CERT", "NODE_EXTRA_CA_CERTS"), f"/mnt/certificates/{bundle.name}")
        words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        words += ["--volume", f"{_CERTIFICATES}:/mnt/certificates:ro", "-t", name]
        self(
            "build", "--isolation", "chroot", "--pull=never", *self._policy, *words,
            "-f", str(CHECKOUT / "container" / "Containerfile"), str(CHECKOUT), within_s=1800,
        )  # fmt: skip

    def build_other(self, folder: Path, name: str) -> None:
        """Build the image of a folder's Containerfile."""
        file = str(folder / "Containerfile")
        words = ("--isolation", "chroot", "--pull=never", *self._policy, "-t", name, "-f", file)
        self("build", *words, str(folder), within_s=600)

    def start(self, image: str) -> str:
        """Return a new container of an image."""
        return self("from", "--pull=never", *self._policy, f"localhost/{image}")

    def run(self, container: str, script: str, mounts: Mapping[Path, str], within_s: float) -> str:
        """Run a shell's script in a container with a network and processes of its own; return what it wrote."""
        words = [word for place, inside in mounts.items() for word in ("-v", f"{place}:{inside}")]
        command = ["run", "--isolation", "chroot", *words, container, "--", "sh", "-c", script]
        return self(*command, spaces=("--net",), more="ip link set lo up", within_s=within_s)

    def __call__(self, *words: str, spaces: tuple[str, ...] = (), more: str = "", within_s: float = 300) -> str:
        libraries = f"/usr/lib/{machine().triplet}"
        script = WITH_LIBRARIES.format(libraries=libraries, root=shlex.quote(str(self._root)), more=more)
        store = ("--root", f"{self.folder}/store", "--runroot", f"{self.folder}/run", "--storage-driver", "vfs")
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *spaces, "bash", "-c", script, "bash"]
        command += [str(self._root / "usr/bin/buildah"), *store, *words]
        environment = os.environ | {"CONTAINERS_CONF": str(self.folder / "containers.conf")}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=within_s, check=False)
        if answer.returncode:
            raise AssertionError(f"buildah {words[0]}: {answer.stdout[-2000:]}\n{answer.stderr[-3000:]}")
        return answer.stdout.strip()
