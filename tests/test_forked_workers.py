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
print(sys.argv, os.environ["WHO"], "db.read" in sys.modules, {"conftest", "line"} & sys.modules.keys())
print("faults", file=sys.stderr)
sys.exit(3)
"""


def test_a_forked_process_has_its_environment_files_and_status_and_no_module_of_the_tests(tmp_path: Path) -> None:
    spec: Any = SimpleNamespace()
    forked_workers.use([spec], [str(CHECKOUT / "tests" / "db" / "test_db_names.py")])
    command = [*shlex.split(spec.python), "-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"]
    ran = subprocess.run(
        command, input=f"{SAYS!r}\n", env={"WHO": "somebody"}, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "['-c'] somebody True set()\n", "faults\n")
