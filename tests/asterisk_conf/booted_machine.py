"""A machine on which systemd is process 1: namespaces of its own, over an overlay of this machine's files.

Nothing of it remains, and it has no network but its own loopback. There, this checkout is in /opt/hatif, the tests'
cache in /mnt/cache, and `out` in /mnt/out.
"""

import contextlib
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from line import CACHE, CHECKOUT

SYSTEMD = Path("/usr/lib/systemd/systemd")

_SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs {work}
mkdir {work}/u1 {work}/w1 {work}/u2 {work}/w2 {work}/u3 {work}/w3 {work}/root
R={work}/root
mount -t overlay overlay -o lowerdir=/,upperdir={work}/u1,workdir={work}/w1 $R
mkdir -p $R/opt/hatif $R/mnt/out $R/mnt/cache
mount -t overlay overlay -o lowerdir={checkout},upperdir={work}/u2,workdir={work}/w2 $R/opt/hatif
mount --bind {out} $R/mnt/out
# To give files another owner must not copy them: the prompts are 1 GB.
mount -t overlay overlay -o metacopy=on,lowerdir={cache},upperdir={work}/u3,workdir={work}/w3 $R/mnt/cache
chmod a+rx $R/opt/hatif $R/opt/hatif/.venv
E=$R/opt/hatif/.venv
grep -rlI {checkout} $E/bin $E/pyvenv.cfg $E/lib/python3*/site-packages/__editable__* |
    xargs sed -i 's#{checkout}#/opt/hatif#g'
rm -rf $R/etc/systemd/system/*.wants $R/var/lib/hatif $R/etc/hatif $R/opt/hatif/var
mount -t proc proc $R/proc
mount -t sysfs sysfs $R/sys
mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $R/run
mount -t tmpfs -o mode=1777 tmpfs $R/tmp
mount -t tmpfs -o mode=755 tmpfs $R/dev
for name in null zero full random urandom tty; do touch $R/dev/$name; mount --bind /dev/$name $R/dev/$name; done
mkdir $R/dev/pts $R/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts $R/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $R/dev/shm
ln -s pts/ptmx $R/dev/ptmx
ln -s /proc/self/fd $R/dev/fd
touch $R/dev/console
mount --bind {console} $R/dev/console
cat >$R/etc/systemd/system/driver.service <<'END'
[Unit]
After=sysinit.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
Environment=PYTHONPATH=/opt/hatif:/opt/hatif/tests:/opt/hatif/tests/pages
ExecStart=/opt/hatif/.venv/bin/python {driver}
StandardOutput=file:/mnt/out/log
StandardError=inherit
TimeoutStartSec=infinity
END
mkdir $R/.old
cd $R
pivot_root . .old
umount -l /.old
ip link set lo up
exec env -i container=hatif PATH=/usr/sbin:/usr/bin:/sbin:/bin {systemd} --system --log-target=journal \
    --show-status=no --unit=driver.service
"""


def missing() -> str | None:
    """Return what this machine lacks to boot another one; None if nothing."""
    if os.geteuid():
        return "only root may boot a machine"
    if not SYSTEMD.exists():
        return f"there is no {SYSTEMD}: install the package systemd"
    for tool in ("unshare", "pivot_root", "ip"):
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            return f"there is no {tool}: install the packages util-linux and iproute2"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlay file system"
    return None if _cgroups() else "cgroup2 is not mounted"


def boot(driver: Path, work: Path, out: Path, within_s: float) -> None:
    """Boot, run `driver` (of this checkout) as the only service, and shut down.

    Raises:
        TimeoutError: It took longer than `within_s`; the machine is gone all the same.
    """
    console, line = pty.openpty()
    threading.Thread(target=_drain, args=(console,), daemon=True).start()
    script = _SCRIPT.format(
        work=shlex.quote(str(work)),
        checkout=shlex.quote(str(CHECKOUT)),
        out=shlex.quote(str(out)),
        cache=shlex.quote(str(CACHE)),
        console=os.ttyname(line),
        driver=f"/opt/hatif/{driver.relative_to(CHECKOUT)}",
        systemd=SYSTEMD,
    )
    spaces = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--fork", "--kill-child")
    with _group() as group:
        command = ["unshare", *spaces, "bash", "-c", script]
        # It joins the group before it makes a namespace of it, whose root the group is then.
        joined = f"echo $$ >{shlex.quote(str(group / 'cgroup.procs'))}; exec {shlex.join(command)}"
        machine = subprocess.Popen(["bash", "-c", joined], stdin=subprocess.DEVNULL)
        try:
            machine.wait(within_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the machine was still up after {within_s:g} s") from None
        finally:
            machine.kill()
            machine.wait()
            os.close(line)


def _drain(console: int) -> None:
    with contextlib.suppress(OSError):
        while text := os.read(console, 4096):
            sys.stdout.write(text.decode(errors="replace"))


def _cgroups() -> Path | None:
    """Return where cgroup2 is mounted."""
    found = re.search(r"^\d+ \d+ \S+ / (\S+) .* - cgroup2 ", Path("/proc/self/mountinfo").read_text(), re.MULTILINE)
    return Path(found[1]) if found else None


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    """Yield a control group of its own, which is removed with all that systemd made below it."""
    mounted = _cgroups()
    assert mounted is not None
    group = mounted / f"hatif-test-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for _ in range(50):  # processes of a machine that was killed take a moment to end
            for folder in sorted(filter(Path.is_dir, group.rglob("*")), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)
