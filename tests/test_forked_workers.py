"""What pytest-xdist starts as its Python is a process like any other, which has loaded what its tests need."""

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked_workers
from line import CHECKOUT

SAYS = """
import os, sys
print(sys.argv, os.environ["WHO"], sorted({"db.names", "places", "offsets"} & sys.modules.keys()))
print("faults", file=sys.stderr)
sys.exit(3)
"""


def test_a_forked_process_has_its_environment_files_and_status_and_no_module_that_knows_another_ones_ports(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_sample.py").write_text("import offsets, places, db.names\n")
    spec: Any = SimpleNamespace()
    forked_workers.use([spec], ["-c", str(CHECKOUT / "setup.cfg"), str(tmp_path / "test_sample.py")])
    command = [*shlex.split(spec.python), "-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"]
    ran = subprocess.run(
        command, input=f"{SAYS!r}\n", env={"WHO": "somebody"}, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "['-c'] somebody ['db.names', 'places']\n", "faults\n")


def test_a_module_knows_the_ports_of_its_process_by_what_it_imports() -> None:
    found = forked_workers.importers_of("offsets")
    assert {"offsets", "conftest", "second_asterisk", "test_other_asterisk"} <= found
    assert not {"places", "line", "test_forked_workers"} & found
