"""Debian's podman and podman-compose on a machine of its own: namespaces for mounts, processes and the network.

Without systemd, which runs podman's health checks, somebody has to run them (`healthy`). Containers have no cgroups, so
that no controller of the test's machine is needed.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import debian_tools
from buildah import WITH_LIBRARIES
from line import CACHE

from asterisk_conf.debian import Wanted, machine

TOOLS = Wanted(
    name="podman and podman-compose",
    otherwise="leave out tests/container",
    packages=(
        "aardvark-dns",
        "catatonit",
        "conmon",
        "crun",
        "netavark",
        "nftables",
        "podman",
        "podman-compose",
    ),
    space=900_000_000,
    suite="trixie",
)
_CONTAINERS = """
[engine]
helper_binaries_dir=["{root}/usr/lib/podman", "{root}/usr/libexec/podman", "{root}/usr/bin"]
conmon_path=["{root}/usr/bin/conmon"]
init_path="{root}/usr/libexec/podman/catatonit"
runtime="crun"
cgroup_manager="cgroupfs"
events_logger="file"
compose_providers=["{root}/usr/bin/podman-compose"]
compose_warning_logs=false
[engine.runtimes]
crun=["{root}/usr/bin/crun"]
[containers]
cgroups="disabled"
pids_limit=0
default_ulimits=["nofile=20000:20000", "nproc=20000:20000"]
[network]
firewall_driver="nftables"
network_config_dir="{folder}/networks"
"""
_STORAGE = """
[storage]
driver="vfs"
graphroot="{folder}/store"
runroot="{folder}/run"
"""
_MACHINE = """
mount -t tmpfs tmpfs /run
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
"""


class Podman:
    """The machine; its images are those of `folder`/store. `host`: the process in whose namespaces it is."""

    def __init__(self, folder: Path, host: int) -> None:
        self._folder, self._host = folder, host
        self._root = debian_tools.tree(TOOLS, CACHE / "podman")

    @property
    def network(self) -> tuple[str, ...]:
        """What is put before a command that is to run in the machine's network."""
        return ("nsenter", "--target", str(self._host), "--net", "--")

    def __call__(self, *words: str, within_s: float = 120, check: bool = True, errors: bool = False) -> str:
        """Run `podman` in `container` of the folder, as an administrator would; return what it wrote.

        `errors`: what it wrote to standard error as well, such as a container's own errors.
        """
        place = self._folder / "container"
        enter = ("nsenter", "--target", str(self._host), "--mount", "--net", "--pid", f"--wd={place}", "--")
        found = ":".join(str(self._root / place) for place in ("usr/bin", "usr/sbin"))
        environment = os.environ | {
            "PATH": f"{found}:{os.environ['PATH']}",
            "HOME": str(self._folder / "home"),
            "CONTAINERS_CONF": str(self._folder / "podman.conf"),
            "CONTAINERS_STORAGE_CONF": str(self._folder / "storage.conf"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
            "PYTHONPATH": str(self._root / "usr/lib/python3/dist-packages"),
        }
        command = [*enter, str(self._root / "usr/bin/podman"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=within_s, check=False)
        assert not check or done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-3000:])
        return (done.stdout + done.stderr if errors else done.stdout).strip()

    def healthy(self, container: str, within_s: float) -> None:
        """Run a container's health check until it succeeds."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self("healthcheck", "run", container, within_s=60, check=False)
            health = self("inspect", "--format", "{{.State.Health.Status}}", container, check=False)
            if health == "healthy":
                return
            time.sleep(1)
        raise AssertionError(self("logs", "--tail", "60", container, check=False, errors=True))


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """Start the machine. Whatever runs in it ends with the block."""
    root = debian_tools.tree(TOOLS, CACHE / "podman")
    settings = folder / "home" / ".config" / "containers"
    settings.mkdir(parents=True)
    (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (folder / "podman.conf").write_text(_CONTAINERS.format(root=root, folder=folder))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    libraries = f"/usr/lib/{machine().triplet}"
    script = WITH_LIBRARIES.format(libraries=libraries, root=shlex.quote(str(root)), more=_MACHINE)
    command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "bash", "-c", script, "bash"]
    with subprocess.Popen([*command, str(root / "usr/bin/catatonit"), "-P"]) as host:
        try:
            yield Podman(folder, _first(host.pid))
        finally:
            host.kill()  # unshare ignores what would end it gently


def _first(unshare: int) -> int:
    """Return the first process of the machine, once it is there for commands."""
    deadline = time.monotonic() + 10
    children = Path(f"/proc/{unshare}/task/{unshare}/children")
    while time.monotonic() < deadline:
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "catatonit":
                return int(pid)
        time.sleep(0.05)
    raise AssertionError("the machine for podman did not start")
