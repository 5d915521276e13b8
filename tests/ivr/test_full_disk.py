"""A full disk, or one that cannot be written, is a sentence of each command and process, never a traceback."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import short_audio
import typer
from line import CACHE, CHECKOUT
from offsets import LONE_OFFSET as OFFSET
from shell import command

from cli.main import COMMANDS, command_line
from ivr.home import line_settings
from ivr.home.line_settings import KeptLine

PROCESSES = ("ivr", "journal", "guard", "monitor", "desk", "gate", "up")
BUSY = {"drain", "reload", "restart", "asterisk upgrade", "setup", "prompts voices install", *PROCESSES}
"""Not run here: those that wait for a running line or download first, and what runs until it is ended."""

ARGUMENTS = {
    "call": "0193",
    "simulate": "--operators 2",
    "try": "--from +33612345678 5",
    "backup": "{disk}/out.tar",
    "restore": "{disk}/none.tar",
    "asterisk fetch": "{disk}/packages",
    "systemd render": "--out {disk}/units",
    "site new": "{disk}/new --from consulate",
    "case open": "--topic travel --language ar --country GB --title x --caller +33612300001",
    "case set": "{reference} --kind suggestion",
    "case note": "{reference} hello",
    "case close": "{reference}",
    "case pin": "{reference}",
    "case show": "{reference}",
    "callbacks add": "+33612300001",
    "callbacks take": "0193",
    "callbacks cancel": "0193",
    "caller show": "+33612300001",
    "caller erase": "+33612300001",
    "caller export": "+33612300001 --out {disk}/person",
    "operators phone": "1001",
    "operators login": "1001",
    "operators set": "1001 ready",
    "operators wrap-up": "1001 end",
    "operators helped": "1001",
    "waiting sent": "0193",
    "hours at": "2026-12-24T19:30",
    "hours force": "closed",
    "hours announce": "emergency",
    "hours holiday add": "2027-01-11",
    "hours holiday remove": "2027-01-11",
    "hours holiday move": "2027-01-11 2027-01-12",
    "flow draw": "--out {disk}/flow.svg",
    "prompts say": "--language fr --out {disk}/said.wav bonjour",
    "prompts listen": "--language fr --out {disk}/listen",
    "prompts script": "fr --out {disk}/script",
    "prompts import": "{disk}",
    "prompts export": "{disk}/clips.tar",
    "prompts release": "one",
    "dialplan render": "--out {disk}/extensions.conf",
    "dialplan diff": "--into {disk}",
    "pjsip render": "--out {disk}/pjsip.conf",
    "pjsip diff": "--into {disk}",
    "pjsip load": "--into {disk}",
    "accounts add": "boss --name Boss",
    "accounts login": "boss",
    "accounts disable": "boss",
    "accounts enable": "boss",
    "db copy": "sqlite:///{disk}/copy.db",
    "db downgrade": "{disk}/none.tar",
}
WRITES = ("backup", "case open", "site new", "flow draw", "prompts say", "dialplan render", "pjsip render", "db copy")
"""Some that must fail; others may have nothing to write."""


def commands() -> Iterator[tuple[str, str]]:
    """Yield every command, such as `case open`, with arguments; those that are not above are guessed."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        below = getattr(command, "commands", None)
        if below is None or (path and command.invoke_without_command):
            name, needed = " ".join(path), [param for param in command.params if param.required]
            yield name, ARGUMENTS.get(name, " ".join("x" for param in needed if param.param_type_name == "argument"))
        for name, one in (below or {}).items():
            yield from walk(one, (*path, name))

    yield from walk(typer.main.get_command(command_line(*COMMANDS)), ())


class Disk:
    """A line with a case, on a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16M", "tmpfs", folder], check=False)
        if mounted.returncode:
            pytest.skip("no disk can be mounted here")
        site = CHECKOUT / "sites" / "consulate"
        self.home.mkdir()
        line_settings.write(self.home, KeptLine(OFFSET))
        self.environment = {
            **os.environ,
            "HATIF_HOME": str(self.home),
            "HATIF_SITE": str(site),
            "HATIF_PORT_OFFSET": str(OFFSET),
            "HATIF_INSTALL": str(CACHE),
        }
        self.environment.pop("HATIF_DATABASE", None)
        assert self.run("roster").returncode == 0  # makes the secrets
        assert self.run("db", "upgrade").returncode == 0
        opened = self.run("case", "open", *ARGUMENTS["case open"].split(), "--json")
        self.reference = json.loads(opened.stdout)["reference"]
        (self.home / "sounds").symlink_to(short_audio.short_audio(CACHE / "sounds", CACHE))

    def run(self, *words: str) -> Any:
        return command(words, self.environment)

    def full(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)


@pytest.fixture(params=["full", pytest.param("read_only", marks=pytest.mark.long)])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    if os.geteuid():
        pytest.skip("only root may mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="disk"))  # short: the names of sockets in it have 107 bytes at most
    try:
        made = Disk(folder)
        getattr(made, request.param)()
        yield made
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
        folder.rmdir()


def test_each_command_says_in_a_sentence_what_is_wrong(disk: Disk) -> None:
    failed = {}
    for name, arguments in commands():
        if name in BUSY:
            continue
        words = arguments.format(disk=disk.folder, reference=disk.reference).split()
        answer = disk.run(*name.split(), *words)  # an error that is not ours would be raised
        assert answer.returncode != 2 or name not in ARGUMENTS, f"{name}: {answer.stderr}"
        assert "Traceback" not in answer.stderr, name
        failed[name] = answer.returncode == 1
        if name in WRITES:
            said = answer.stderr.strip().splitlines()[-1]
            assert re.search(r"space|room|Read-only|permission|written|folder|mount", said) and said.startswith(
                "hatif: "
            ), answer
    assert all(failed[name] for name in WRITES), failed


@pytest.mark.long
def test_each_process_goes_on_or_says_in_a_sentence_what_is_wrong(disk: Disk) -> None:
    running = {
        name: subprocess.Popen(
            [str(Path(sys.executable).with_name("hatif")), name],
            env=disk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in PROCESSES
    }
    said = {}
    try:
        for name, process in running.items():
            try:
                said[name] = process.communicate(timeout=6)[0]
            except subprocess.TimeoutExpired:
                process.terminate()
                said[name] = process.communicate(timeout=30)[0]
    finally:
        for process in running.values():
            process.kill()
            process.communicate()
    for name, text in said.items():
        assert "Traceback" not in text, f"{name}: {text}"
        if running[name].returncode > 0:
            assert text.strip().splitlines()[-1].startswith("hatif: "), f"{name}: {text}"
