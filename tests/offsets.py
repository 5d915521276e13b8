"""The ports of the tests: those of parallel test processes differ."""

import os

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

_THOUSANDS = ((2, 3), (4, 5), (12, 13), (14, 15), (22, 23), (24, 1), (11, 11), (18, 18))
"""For each parallel test process: of its line, and of a lone one beside it. The last two processes only compute.

No port that a line listens on is among those that the kernel gives to connections (32768 and above). No two lines are
5000 apart: one's SIP port would be among the other's sound ports.
"""

OFFSET, LONE_OFFSET = (
    1000 * thousands + int(os.environ.get("HATIF_TEST_OFFSET", "2000")) - 2000
    for thousands in _THOUSANDS[WORKER % len(_THOUSANDS)]
)
"""The offsets of all ports of this process's line, and of its lone line; `HATIF_TEST_OFFSET` moves all of them."""
