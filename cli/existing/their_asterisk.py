"""An administrator's own Asterisk: its files, its console, and what is in memory there."""

import re
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from asterisk_conf.errors import AsteriskError
from asterisk_conf.existing_files import include, part_of
from asterisk_conf.files import write_bytes
from asterisk_conf.instance import environment
from cli.asterisk_parts import AsteriskParts
from dialplan.findings import Finding
from dialplan.lines import lines_of, read_tree
from dialplan.parse import Section, sections

_CONSOLE_S = 30
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class TheirAsterisk:
    """A running Asterisk that is not ours. `folder`: its configuration; `program`: begins its command lines."""

    folder: Path
    program: tuple[str, ...]

    @classmethod
    def find(cls, parts: AsteriskParts, folder: Path) -> "TheirAsterisk":
        """Return the one whose configuration is in `folder`. Raises AsteriskError if it does not answer."""
        if not (folder / "asterisk.conf").is_file():
            raise AsteriskError(f"{folder} has no asterisk.conf: give the folder of your Asterisk's configuration.")
        if (installation := parts.installed) is None:
            raise AsteriskError("No Asterisk is found on this machine: name its program in HATIF_ASTERISK.")
        found = cls(folder, installation.program)
        found.ask("core waitfullybooted")
        return found

    def ask(self, command: str) -> str:
        """Return what a command prints on the console. Raises AsteriskError if Asterisk does not answer."""
        words = [*self.program, "-C", str(self.folder / "asterisk.conf"), "-rx", command]
        try:
            done = subprocess.run(
                words,
                env=environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_CONSOLE_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AsteriskError(f"The Asterisk of {self.folder} does not answer ({error}).") from None
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().partition("\n")[0]
            raise AsteriskError(f"The Asterisk of {self.folder} does not answer ({reason}): start it, and be its user.")
        return _COLOUR.sub("", done.stdout)

    # Its files

    def setting(self, file: str, section: str, option: str) -> tuple[str | None, int]:
        """Return the value of an option of theirs, and the line where it is, or its section; None if it is not set."""
        line, value = 1, None
        for found in self._sections(file):
            if found.name == section:
                line = found.line.number
                value = next((text for name, text, _ in reversed(found.options) if name.lower() == option), value)
        return value, line

    def clashes(self, file: str, ours: str) -> Iterator[Finding]:
        """Yield a finding for each section of theirs that has the name of one in our part of the file."""
        names = {line.text[1:].partition("]")[0] for line in lines_of(ours).lines if line.text.startswith("[")}
        for found in self._sections(file):
            if found.name in names - {"general", "modules"}:
                sentence = (
                    f"[{found.name}] is also a section of ours, and Asterisk would mix both; rename or remove yours"
                )
                yield Finding("E_CLASH", found.line.number, sentence, found.line.file)

    def include(self, file: str) -> None:
        """Have a file of theirs include our part, if neither it nor a file that it includes does so already."""
        path = (self.folder / file).resolve()
        if not read_tree(self.folder / file).includes(part_of(file)):
            text = path.read_bytes()
            end = b"" if not text or text.endswith(b"\n") else b"\n"
            write_bytes(path, text + end + f"{include(file)}\n".encode())

    def exclude(self, file: str) -> None:
        """Remove the lines that include our part, in whichever file of theirs they are."""
        if not (self.folder / file).is_file():
            return
        for name in read_tree(self.folder / file).files:
            path = Path(name).resolve()
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if line.strip() != include(file).encode()]
            if kept != lines:
                write_bytes(path, b"".join(kept))

    def _sections(self, file: str) -> list[Section]:
        if not (self.folder / file).is_file():
            return []
        lines = [line for line in read_tree(self.folder / file).lines if Path(line.file).name != part_of(file)]
        return sections(lines, [])

    # Its folders

    @cached_property
    def _settings(self) -> str:
        return self.ask("core show settings")

    def _place(self, name: str) -> Path:
        found = re.search(rf"(?m)^\s*{name}:\s*(\S.*)$", self._settings)
        if found is None:
            raise AsteriskError(f"The Asterisk of {self.folder} does not tell its {name.lower()}.")
        return Path(found[1].strip())

    @property
    def sounds(self) -> Path:
        """Where the link to our sounds belongs."""
        return self._place("Data directory") / "sounds" / "hatif"

    @property
    def music(self) -> Path:
        return self._place("Data directory") / "moh"

    @property
    def recordings(self) -> Path:
        """Where ARI's recordings are."""
        return self._place("Spool directory") / "recording"

    def user(self) -> int | None:
        """Return the user whose process it is; None if that cannot be seen."""
        try:
            pid = int(self._place("PID file").read_text())
            return Path(f"/proc/{pid}").stat().st_uid
        except (OSError, ValueError):
            return None

    # What is in memory

    @cached_property
    def _loaded(self) -> frozenset[str]:
        return frozenset(re.findall(r"(?m)^(\w+)\.so\s", self.ask("module show")))

    def without(self, modules: Iterable[str]) -> list[str]:
        """Return those of the modules that are not loaded."""
        return [name for name in modules if name not in self._loaded]

    @cached_property
    def loadable(self) -> Collection[str]:
        """The modules that are there, and that their modules.conf does not exclude."""
        folder = self._place("Module directory")
        refused = {
            text for found in self._sections("modules.conf") for name, text, _ in found.options if name == "noload"
        }
        return {path.stem for path in folder.glob("*.so")} - {name.removesuffix(".so") for name in refused}

    @property
    def loads(self) -> list[str]:
        """The modules that our part of their modules.conf loads."""
        ours = self.folder / part_of("modules.conf")
        return re.findall(r"(?m)^load = (\w+)\.so$", ours.read_text()) if ours.is_file() else []

    def has_queue(self, name: str) -> bool:
        return self.ask(f"queue show {name}").startswith(f"{name} ")

    def channels(self, beginning: str) -> list[str]:
        """Return the names of the channels that begin so."""
        names = (line.partition("!")[0] for line in self.ask("core show channels concise").splitlines())
        return [name for name in names if name.startswith(beginning)]

    def left(self, endpoints: Collection[str]) -> list[str]:
        """Return what of a line is still in memory. `endpoints`: the line's."""
        found = re.findall(r"\[ Context '(hatif-[\w-]+)'", self.ask("dialplan show"))
        found += re.findall(r"(?m)^(hatif-\w+) ", self.ask("queue show"))
        there = re.findall(r"(?m)^\s*Endpoint:\s+([^\s/]+)", self.ask("pjsip show endpoints"))
        return [*found, *(name for name in there if name in endpoints)]
