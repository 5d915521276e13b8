"""Read a configuration as Asterisk does: lines without comments, with included files in their place."""

import glob
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from dialplan.findings import DialplanError, Finding

MOST_BYTES = 20_000_000
"""The most that is read of one configuration, all files together."""

_MOST_FILES = 2_000
_MOST_DEPTH = 10  # files within files; Asterisk reads no deeper
_LONGEST = 8_190  # bytes of a line; Asterisk skips a longer one
_COMMENT = re.compile(r"\\;|;--(?!-)|--;(?!--(?!-))|;")
_DIRECTIVE = re.compile(r"#(\S*)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not empty, without its comment and surrounding spaces."""

    file: str
    number: int  # from 1
    text: str
    depth: int = 0  # of the file within files


@dataclass(slots=True)
class Source:
    """The lines of a configuration with all its files, and what was wrong with them."""

    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    included: list[str] = field(default_factory=list)  # names as they are written, of files that may not exist
    size: int = 0

    def includes(self, name: str) -> bool:
        """Return whether a line includes a file of this name, or files whose names match; it need not exist."""
        return any(fnmatch(name, written.rpartition("/")[2]) for written in self.included)


def lines_of(text: str, file: str = "") -> Source:
    """Return the lines of one text; its `#include` lines stay in it."""
    source = Source(files=[file])
    source.lines += _uncommented(text, file, source.findings)
    return source


def read_tree(root: Path, name: Callable[[Path], str] = str) -> Source:
    """Return the lines of a file and of all that it includes; `#exec` is reported and never run.

    Names of included files are relative to the folder of `root`, as Asterisk's are to /etc/asterisk. They may have
    wildcards.

    Args:
        name: How to name a file in findings.

    Raises:
        DialplanError: `root` cannot be read, or all files together are larger than a configuration can be.
    """
    source = Source()
    problem = _read(root, root.parent, name, (), source)
    if problem:
        raise DialplanError(f"{root} {problem}")
    return source


def _read(path: Path, folder: Path, name: Callable[[Path], str], around: tuple[Path, ...], source: Source) -> str:
    """Add a file's lines to the source; return what is wrong with the file, empty if nothing is."""
    try:
        if not path.is_file():  # reading a pipe would never end
            found = "is not a regular file" if path.exists() else "does not exist"
            return f"{found}; give the path of a dialplan" if not around else found
        with path.open("rb") as file:
            content = file.read(MOST_BYTES - source.size + 1)
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    source.size += len(content)
    source.files.append(name(path))
    if source.size > MOST_BYTES or len(source.files) > _MOST_FILES:
        raise DialplanError(
            f"{path} makes this more than {MOST_BYTES // 1_000_000} MB or {_MOST_FILES:,} files, which is no dialplan"
        )
    if b"\0" in content:
        return "is not a text file"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        source.findings.append(
            Finding("W_ENCODING", number, "is not UTF-8 from here on; read as Latin-1, save it as UTF-8", name(path))
        )
        text = content.decode("latin-1")
    inside = (*around, path)
    for line in _uncommented(text, name(path), source.findings):
        if line.text.startswith("#"):
            _direct(line, folder, name, inside, source)
        else:
            source.lines.append(replace(line, depth=len(around)))
    return ""


def _direct(line: Line, folder: Path, name: Callable[[Path], str], around: tuple[Path, ...], source: Source) -> None:
    """Follow `#include`, `#tryinclude` or `#exec`."""
    directive = _DIRECTIVE.fullmatch(line.text)
    kind, argument = (directive[1].lower(), directive[2].strip()) if directive else ("", "")

    def report(code: str, sentence: str) -> None:
        source.findings.append(Finding(code, line.number, sentence, line.file))

    if kind not in ("include", "tryinclude", "exec"):
        report("E_SYNTAX", f"'#{kind}' is not #include, #tryinclude or #exec")
        return
    if argument[:1] in ('"', "<") and argument[-1:] == {'"': '"', "<": ">"}[argument[0]]:
        argument = argument[1:-1]
    if not argument:
        report("E_SYNTAX", f"#{kind} names no file")
        return
    if kind == "exec":
        report("W_EXEC", f"'{argument}' was not run; what it would write is not checked")
        return
    source.included.append(argument)
    if len(around) >= _MOST_DEPTH:
        report("E_INCLUDE", f"{argument} is the {_MOST_DEPTH + 1}th file within a file; Asterisk reads no deeper")
        return
    found = [Path(path) for path in _expand(folder, argument)]
    if not found and kind == "include":
        report("E_INCLUDE", f"{argument} does not exist, and Asterisk refuses the whole file; write #tryinclude")
    for path in found:
        if any(_same(path, other) for other in around):
            report("E_INCLUDE", f"{argument} includes itself; remove one of the two lines")
        elif problem := _read(path, folder, name, around, source):
            report("E_INCLUDE", f"{argument} {problem}")


def _expand(folder: Path, argument: str) -> list[str]:
    try:
        return sorted(glob.glob(str(folder / argument)))  # noqa: PTH207  may begin with /
    except (OSError, ValueError, re.error):  # a NUL in the name, a set that is none
        return []


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _uncommented(text: str, file: str, findings: list[Finding]) -> Iterator[Line]:
    """Yield the lines without comments: `; …`, and `;-- … --;` over several lines, also within one another."""
    depth, opened = 0, 0
    for number, raw in enumerate(text.split("\n"), 1):
        if len(raw.encode()) > _LONGEST:
            findings.append(
                Finding("E_SYNTAX", number, f"is longer than {_LONGEST:,} bytes, and Asterisk skips it", file)
            )
            continue
        kept, start = "", 0
        for match in _COMMENT.finditer(raw):
            if not depth:
                kept += raw[start : match.start()]
            start = match.end()
            if match[0] == r"\;":
                kept += "" if depth else ";"
            elif match[0] == ";--":
                opened = opened if depth else number
                depth += 1
            elif match[0] == ";":
                if not depth:
                    start = len(raw)
                    break
            elif depth:
                depth -= 1
            else:
                findings.append(
                    Finding(
                        "E_SYNTAX", number, "'--;' ends no comment, and Asterisk ignores the rest of the file", file
                    )
                )
                return
        if not depth:
            kept += raw[start:]
        if kept := kept.strip():
            yield Line(file, number, kept)
    if depth:
        findings.append(Finding("E_SYNTAX", opened, "the comment that begins here is not closed with --;", file))
