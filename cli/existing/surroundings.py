"""The surroundings of a dialplan: the running Asterisk, and the files beside `extensions.conf`."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from asterisk_conf.installation import Installation
from asterisk_conf.instance import environment
from dialplan.findings import DialplanError
from dialplan.lines import MOST_BYTES, read_tree
from dialplan.names import Names, from_console
from dialplan.parse import Section, sections
from dialplan.rules import Entry, Surroundings

_CONSOLE_S = 10
_MOST_SOUNDS = 500_000
_AEL_CONTEXT = re.compile(r"^[ \t]*(?:abstract[ \t]+)?context[ \t]+([\w.-]+)", re.MULTILINE)


def look_around(folder: Path, names: Names, sounds: Path | None) -> Surroundings:
    """Return what is known about the surroundings of a dialplan in `folder`, such as /etc/asterisk.

    Queues and endpoints are not known if Asterisk reads them from a database (extconfig.conf, sorcery.conf), or if we
    cannot read all of their files.
    """
    elsewhere = {"parkedcalls"}
    elsewhere |= {value for section in _sections(folder, "res_parking.conf") for value in _values(section, "context")}
    elsewhere |= {section.name for section in _sections(folder, "extensions_minivm.conf")}
    ael = folder / "extensions.ael"
    if ael.is_file() and os.access(ael, os.R_OK):
        with ael.open(encoding="latin-1") as file:
            elsewhere |= set(_AEL_CONTEXT.findall(file.read(MOST_BYTES)))
    tables = {name for section in _sections(folder, "extconfig.conf") for name, _, _ in section.options}
    stored = [value for section in _sections(folder, "sorcery.conf") for value in _values(section, "endpoint")]
    queues, endpoints = None, None
    found, are_all = _read(folder, "queues.conf")
    if are_all and "queues" not in tables:
        queues = {section.name for section in found} - {"general"}
    found, are_all = _endpoints(folder)
    if are_all and "ps_endpoints" not in tables and not any("realtime" in it for it in stored):
        endpoints = {section.name for section in found}
    entries = [
        Entry(section.line.file, section.line.number, section.name, value)
        for section in found
        for value in [*_values(section, "context"), *_values(section, "endpoint/context")][-1:]
    ]
    return Surroundings(names, _sounds(sounds or _sounds_folder(folder)), queues, endpoints, elsewhere, entries)


def _endpoints(folder: Path) -> tuple[list[Section], bool]:
    """Return the endpoints that PJSIP's files define, and whether they are all."""
    endpoints, are_all = _read(folder, "pjsip.conf")
    wizards, are_all_wizards = _read(folder, "pjsip_wizard.conf")
    telephones = [section for section in endpoints if "endpoint" in _values(section, "type")]
    telephones += [section for section in wizards if "wizard" in _values(section, "type")]
    return telephones, are_all and (are_all_wizards or not (folder / "pjsip_wizard.conf").exists())


def running_names(installation: Installation, folder: Path) -> Names | None:
    """Return the names of the running Asterisk, None if none answers.

    It is the one of `folder`/asterisk.conf if there is that file, else this machine's.
    """
    configuration = folder / "asterisk.conf"
    program = [*installation.program, *(("-C", str(configuration)) if configuration.is_file() else ())]
    answers = []
    for question in ("version", "applications", "functions", "channeltypes"):
        try:
            result = subprocess.run(
                [*program, "-rx", f"core show {question}"],
                env=environment(),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_CONSOLE_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if result.returncode:
            return None
        answers.append(result.stdout)
    return from_console(*answers)


def _sections(folder: Path, name: str) -> list[Section]:
    return _read(folder, name)[0]


def _read(folder: Path, name: str) -> tuple[list[Section], bool]:
    """Return the sections of a file, and whether they are all: not if a file is missing, unreadable, or `#exec`.

    The file's own faults are not the dialplan's.
    """
    try:
        source = read_tree(folder / name)
        found = sections(source.lines, [])
    except DialplanError:
        return [], False
    return found, not any(finding.code in ("E_INCLUDE", "W_EXEC") for finding in source.findings)


def _values(section: Section, option: str) -> Iterator[str]:
    return (value for name, value, _ in section.options if name.lower() == option)


def _sounds_folder(folder: Path) -> Path | None:
    for section in _sections(folder, "asterisk.conf"):
        for value in _values(section, "astdatadir"):
            return Path(value) / "sounds"
    return None


def _sounds(folder: Path | None) -> set[str] | None:
    """Return the sounds of a folder without formats, with and without the first folder, which is the language."""
    if folder is None or not folder.is_dir():
        return None
    found: set[str] = set()
    for inside, folders, names in os.walk(folder, followlinks=True):
        place = Path(inside).relative_to(folder)
        if len(place.parts) > 5:  # a link to itself
            folders.clear()
        for name in names:
            path = str(place / Path(name).stem)
            found |= {path, path.partition("/")[2] or path}
        if len(found) > _MOST_SOUNDS:
            raise DialplanError(f"{folder} has more than {_MOST_SOUNDS:,} files; give the folder of the sounds")
    return found or None
