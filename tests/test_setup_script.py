"""scripts/setup keeps an environment that it cannot renew, such as without a network."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from line import CHECKOUT
from small_wheel import wheel

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import pathlib, sys
sys.path.insert(0, "{tests}")
from small_wheel import wheel
def prepare(name):
    def build(folder, *_):
        return wheel(pathlib.Path(folder), "hatif", "0", "").name
    return build
build_editable = build_wheel = prepare("hatif")
"""


class Checkout:
    """The scripts, with a package of its own; packages come from `wheels` only, which is the network."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wheels = folder / "checkout", folder / "wheels"
        (self.folder / "requirements").mkdir(parents=True)
        self.wheels.mkdir()
        shutil.copytree(CHECKOUT / "scripts", self.folder / "scripts")
        (self.folder / "pyproject.toml").write_text(PROJECT)
        (self.folder / "backend.py").write_text(BACKEND.replace("{tests}", str(CHECKOUT / "tests")))
        (self.folder / "setup.cfg").write_text("")
        for name in ("build", "run", "demo", "test"):
            (self.folder / "requirements" / f"{name}.txt").write_text("")

    def lock(self, version: str) -> Path:
        file = wheel(self.wheels, "small", version, f"print({version})\n")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        (self.folder / "requirements" / "run.txt").write_text(f"small=={version} --hash=sha256:{digest}\n")
        return file

    def setup(self) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        environment |= {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": os.devnull,
            "HATIF_PYTHON": sys.executable,
            "TMPDIR": str(self.wheels.parent),
        }
        command = [str(self.folder / "scripts" / "setup"), "--only-python", "--for", "run"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def installed(self) -> str:
        command = [str(self.folder / ".venv" / "bin" / "python"), "-c", "import small_module"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.long  # 11 s of processor time
def test_an_environment_that_cannot_be_renewed_stays_in_use(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.lock("1")
    made = checkout.setup()
    assert made.returncode == 0, made.stderr
    venv = checkout.folder / ".venv"
    before = (venv / ".made-from").read_text()
    assert checkout.installed() == "1"

    file = checkout.lock("2")
    file.unlink()  # the network is gone
    failed = checkout.setup()
    assert failed.returncode == 1 and "what was installed before stays in use" in failed.stderr, failed.stderr
    assert checkout.installed() == "1" and (venv / ".made-from").read_text() == before
    assert "small" in (tmp_path / "hatif-pip.log").read_text()

    (venv / ".made-at").write_text("another Python")
    failed = checkout.setup()
    assert failed.returncode == 1 and "what was installed before stays in use" in failed.stderr, failed.stderr
    assert checkout.installed() == "1" and (venv / ".made-from").read_text() == before

    venv.rename(checkout.folder / ".venv.former")  # killed while it made a new one
    checkout.lock("2")
    again = checkout.setup()
    assert again.returncode == 0, again.stderr
    assert checkout.installed() == "2" and not (checkout.folder / ".venv.former").exists()


def test_production_gets_no_test_tools_and_the_help_says_so() -> None:
    command = [str(CHECKOUT / "scripts" / "setup"), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--for run       what a line needs, for production" in said


pytestmark = pytest.mark.skipif(not shutil.which("cp"), reason="needs GNU cp")
