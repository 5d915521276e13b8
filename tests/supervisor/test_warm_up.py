"""What starts the controllers of the tests' lines starts processes like any other."""

import os
import signal
from pathlib import Path

import warm_up
from forked import Forked


def start(home: Path, port_offset: str) -> Forked:
    """Start a controller that writes into a file of the name of its ports."""
    output, held = (os.open(home / name, os.O_RDWR | os.O_CREAT) for name in (port_offset, "held"))
    environment = os.environ | {"HATIF_HOME": str(home), "HATIF_PORT_OFFSET": port_offset}
    process = warm_up.start(warm_up.CONTROLLER, environment, output, [held], home, leads=True)
    os.close(held)
    os.close(output)
    return process


def test_a_forked_controller_has_its_own_session_environment_output_and_exit_status(tmp_path: Path) -> None:
    assert start(tmp_path, "wrong").wait(60) == 1
    refused = "hatif: HATIF_PORT_OFFSET is 'wrong'; it must be a multiple of 1000 from 0 to 50000.\n"
    assert (tmp_path / "wrong").read_text() == refused
    second, third = start(tmp_path, "a"), start(tmp_path, "b")
    for process in (second, third):
        os.kill(process.pid, signal.SIGSTOP)
        assert os.getsid(process.pid) == process.pid
    assert Path(f"/proc/{third.pid}/cwd").readlink() == tmp_path
    second.kill()
    os.kill(third.pid, signal.SIGCONT)
    assert (second.wait(60), third.wait(60)) == (-9, 1)
