"""The Prometheus of the tests: the machine's own, else Debian's, unpacked into a folder.

It is kept beside the private Asterisk of the tests (`HATIF_TEST_CACHE`) and fetched once, some 40 MB. Nothing is
installed on the machine.
"""

import shutil

from line import CACHE

from asterisk_conf import apt
from asterisk_conf.debian import Wanted

DEBIAN = Wanted(
    name="Prometheus",
    otherwise="install the packages prometheus and promtool",
    packages=("prometheus", "promtool"),
    space=500_000_000,
    suite="trixie",
)
_FOLDER = CACHE / "prometheus"


class _Silent:
    def step(self, text: str) -> None:
        pass

    def update(self, done: int, total: int) -> None:
        pass


def program(name: str) -> tuple[str, ...]:
    """Return the command line of `prometheus` or `promtool`. Raises AsteriskError, with what to do, if it has none."""
    if named := shutil.which(name):
        return (named,)
    root = _FOLDER / "root"
    if not root.exists():
        _FOLDER.mkdir(parents=True, exist_ok=True)
        apt.unpack(_FOLDER / "apt", root, DEBIAN, _Silent())
    return apt.program(root, f"usr/bin/{name}")
