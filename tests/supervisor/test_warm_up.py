"""What starts the controllers of the tests' lines starts processes like any other."""

import subprocess
import sys
from pathlib import Path

import warm_up

PROGRAM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv.pop(1))
import warm_up
home = Path(sys.argv[1])

def started(port_offset):
    output = os.open(home / port_offset, os.O_WRONLY | os.O_CREAT)
    held = os.open(home / "held", os.O_RDWR | os.O_CREAT)
    environment = os.environ | {"HATIF_HOME": str(home), "HATIF_PORT_OFFSET": port_offset}
    process = warm_up.start(warm_up.CONTROLLER, environment, output, [held], home, leads=True)
    os.close(held)
    os.close(output)
    return process

first = started("wrong")
print(first.wait(), (home / "wrong").read_text().strip())
second, third = started("a"), started("b")
for process in (second, third):
    os.kill(process.pid, signal.SIGSTOP)
print(os.getsid(second.pid) == second.pid, os.getsid(third.pid) == third.pid)
print(Path(f"/proc/{third.pid}/cwd").readlink() == home)
second.kill()
os.kill(third.pid, signal.SIGCONT)
print(second.wait(), third.wait())
"""


def test_a_forked_controller_has_its_own_session_environment_output_and_exit_status(tmp_path: Path) -> None:
    tests = str(Path(warm_up.__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, tests, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.splitlines() == [
        "1 hatif: HATIF_PORT_OFFSET is 'wrong'; it must be a multiple of 1000 from 0 to 50000.",
        "True True",
        "True",
        "-9 1",
    ], ran.stderr
