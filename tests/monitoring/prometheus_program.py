"""The Prometheus of the tests: the machine's own, else Debian's, unpacked into a folder.

It is kept beside the private Asterisk of the tests (`HATIF_TEST_CACHE`) and fetched once, some 40 MB. Nothing is
installed on the machine.
"""

import shutil

import debian_tools
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


def program(name: str) -> tuple[str, ...]:
    """Return the command line of `prometheus` or `promtool`. Raises AsteriskError, with what to do, if it has none."""
    if named := shutil.which(name):
        return (named,)
    return apt.program(debian_tools.tree(DEBIAN, CACHE / "prometheus"), f"usr/bin/{name}")
