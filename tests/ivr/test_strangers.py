"""Commands that write files for the line are refused for anybody but its user, whose processes could not read them."""

import os
from pathlib import Path

import pytest
from shell import Shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")


@pytest.mark.parametrize(
    "command",
    [
        ("prompts", "build"),
        ("prompts", "import", "."),
        ("prompts", "voices", "install", "kokoro"),
        ("speech", "fetch"),
        ("speech", "install", "vosk-model-fr"),
        ("speech", "remove", "fr"),
    ],
)
def test_root_does_not_write_into_the_home_of_another_user(tmp_path: Path, command: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65_534, 65_534)
    answer = Shell(home).run(*command)
    assert answer.returncode != 0 and f"{home} belongs to nobody" in answer.stderr, answer
    assert {path.name for path in home.iterdir() if path.stat().st_uid == 0} <= {"log"}
