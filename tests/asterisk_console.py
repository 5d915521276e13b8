"""Asterisk's own console, which needs neither an AMI user nor a port."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from asterisk_conf import instance


def ask(program: Sequence[str], etc: Path, command: str, *, check: bool = True) -> str:
    """Return what a command prints. AssertionError if the Asterisk with the files in `etc` does not run; without
    `check`, nothing is returned then."""
    words = [*program, "-C", str(etc / "asterisk.conf"), "-rx", command]
    done = subprocess.run(words, env=instance.environment(), capture_output=True, text=True, timeout=20, check=False)
    assert not check or done.returncode == 0, done
    return done.stdout
