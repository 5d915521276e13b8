"""The table of costs: a process samples itself, and its time is divided among the files in which it was spent."""

import os
import subprocess
import sys

from bench.cost import sampled, table
from bench.sampler import read

BURNS = """
import asyncio, time
from bench.erlang import wait_probability

async def main():
    until = time.process_time() + 0.4
    while time.process_time() < until:
        wait_probability(40, 33.0)

asyncio.run(main())
"""


def test_a_process_that_works_names_the_file_in_which_it_does_and_ends_as_it_would() -> None:
    before = dict(os.environ)
    with sampled() as folder:
        process = subprocess.run([sys.executable, "-c", BURNS], check=True)
        pid = next(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        spent = list(read(folder, pid, 0))
    assert process.returncode == 0
    assert dict(os.environ) == before
    ours = sum(nanoseconds for place, nanoseconds in spent if place == "bench/erlang.py")
    assert ours > 0.5 * sum(nanoseconds for _, nanoseconds in spent)


def test_a_process_s_time_is_divided_among_its_parts_as_its_samples_are() -> None:
    samples = [("ivr/call/call.py", 60), ("ivr/call/leg.py", 20), ("panoramisk", 19), ("db/engine.py", 1)]
    assert list(table({"controller": 1000, "asterisk": 5000}, {"controller": samples})) == [
        "| process | part | µs a call | of Asterisk's | mostly in |",
        "|---|---|---|---|---|",
        "| **controller** | | **1000** | **20.0%** | |",
        "| | ivr/call | 800 | 16.0% | call.py 600, leg.py 200 |",
        "| | panoramisk | 190 | 3.8% |  |",
        "| | the rest | 10 | 0.2% | |",
        "| **asterisk** | | **5000** | **100.0%** | |",
    ]
