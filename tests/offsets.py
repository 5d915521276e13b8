"""The ports of the tests: those of parallel test processes differ."""

import os

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

OFFSET = int(os.environ.get("HATIF_TEST_OFFSET", "2000")) + 10_000 * (WORKER // 2) + 2000 * (WORKER % 2)
"""The offset of all ports of the line, for each parallel test process; `HATIF_TEST_OFFSET` moves all of them.

The next 1000 are for a lone line. No two lines are 5000 apart: one's SIP port would be among the other's sound ports.
"""
