"""`hatif dialplan lint`: mistakes in our dialplan, or in any other."""

import asyncio
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer

from cli.asterisk_parts import AsteriskParts
from cli.codes import loaded_clashes
from cli.existing.surroundings import look_around, running_names
from cli.output import JSON, as_json, console
from dialplan.findings import DialplanError, Finding
from dialplan.lines import read_tree
from dialplan.lint import lint as find
from dialplan.names import VERSIONS, shipped
from dialplan.rules import find_mistakes, keep
from ivr.asterisk.ami import Ami, AmiError


class Form(StrEnum):
    text = "text"
    json = "json"
    github = "github"


class Known(StrEnum):
    running = "running"
    v20 = "20"
    v21 = "21"
    v22 = "22"


def lint(
    path: Path = typer.Argument(
        None, metavar="FILE|DIR", help="A dialplan, or a folder with extensions.conf.  [default: the site's own]"
    ),
    asterisk: Known = typer.Option(
        None, "--asterisk", help="Whose applications and functions.  [default: the running Asterisk's, else 22]"
    ),
    sounds: Path = typer.Option(None, "--sounds", help="The folder of the sounds.  [default: that of asterisk.conf]"),
    silence: list[str] = typer.Option(
        [], "--silence", metavar="PREFIX", help="Leave out codes with this beginning. May be repeated."
    ),
    format_: Form = typer.Option(Form.text, "--format", help="How to print: for people, programs or GitHub's checks."),
    json: bool = JSON,
) -> None:
    """Find mistakes in a dialplan that Asterisk would accept silently, or report only in its log.

    For the site's own dialplan, also find feature codes that clash with other extensions of the running Asterisk.
    """
    if path is None:
        findings = [Finding(*clash) for clash in asyncio.run(_find_clashes())]
        findings += find(AsteriskParts(bound=False).dialplan())
    else:
        findings = _look_through(path, asterisk, sounds)
    findings = keep(findings, silence)
    _show(findings, Form.json if json else format_, path)
    if any(finding.is_error for finding in findings):
        raise typer.Exit(1)


def _look_through(path: Path, asterisk: Known | None, sounds: Path | None) -> Sequence[Finding]:
    root = path / "extensions.conf" if path.is_dir() else path
    source = read_tree(root, _name)
    names = None
    if asterisk in (None, Known.running):
        installation = AsteriskParts(bound=False).installed
        names = running_names(installation, root.parent) if installation is not None else None
        if names is None and asterisk is Known.running:
            raise DialplanError("no running Asterisk answers; start it, or give --asterisk 20, 21 or 22")
    if names is None:
        names = shipped(asterisk or VERSIONS[-1])
    return find_mistakes(source, look_around(root.parent, names, sounds))


def _name(path: Path) -> str:
    """Return a path from here, for files below this folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _show(findings: Sequence[Finding], form: Form, path: Path | None) -> None:
    if form is Form.json:
        rows = ({"code": it.code, "file": it.file, "line": it.line, "sentence": it.sentence} for it in findings)
        as_json(list(rows))
        return
    root = path or Path("extensions.conf")
    for finding in findings:
        if form is Form.github:
            kind = "error" if finding.is_error else "warning"
            place = f"file={_escape(finding.file or str(root), ':,')},line={finding.line},title={finding.code}"
            typer.echo(f"::{kind} {place}::{_escape(_printable(finding.sentence))}")
        else:
            typer.echo(as_text(finding, root))
    if not findings and form is Form.text:
        console.print("Nothing found.")


def as_text(finding: Finding, root: Path) -> str:
    """Return `file:line: code: sentence` for a terminal; a finding without a file is in `root`."""
    file = _printable(finding.file or str(root))
    return f"{file}:{finding.line}: {finding.code}: {_printable(finding.sentence)}"


def _printable(text: str) -> str:
    """Return a text without what would control a terminal, and no longer than a person reads."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 500 else f"{text[:500]}…"


def _escape(text: str, more: str = "") -> str:
    """Return a text for GitHub's annotations."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


async def _find_clashes() -> list[tuple[str, int, str]]:
    """Return clashes of feature codes with the running Asterisk's extensions; none if it does not run."""
    parts = AsteriskParts(bound=False)
    secrets = parts.credentials
    try:
        async with Ami("127.0.0.1", 5038 + parts.settings.offset, secrets.ami_user, secrets.ami_password) as ami:
            return [("W_CLASH", 1, sentence) for sentence in await loaded_clashes(parts, ami)]
    except AmiError:
        return []
