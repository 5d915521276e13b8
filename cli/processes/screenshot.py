"""Draw the demonstration call, as the terminal shows it, into an SVG file: `scripts/screenshot` runs this."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 116
"""Columns of the picture; longer lines wrap, as on a terminal."""

_COMMAND = (str(Path(sys.executable).with_name("hatif")), "up", "--demo", "--once")
_FIRST, _TABLES, _VERDICT = "A test telephone", "The call in the database", "The caller's telephone"
_WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def call_lines(output: Iterable[str]) -> list[str]:
    """Return the lines of the call and its verdict, without the start of the processes and without the tables."""
    lines: list[str] = []
    shown = False
    for line in output:
        if _TABLES in line:
            shown = False
        elif _FIRST in line or _VERDICT in line:
            shown = True
        if shown:
            lines.append(line.rstrip())
    return lines


def draw(lines: Iterable[str], title: str) -> str:
    """Return the lines, which may have ANSI colours, as SVG that uses the viewer's own font and fetches none."""
    terminal = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    for line in lines:
        terminal.print(Text.from_ansi(line))
    return _WEB_FONT.sub("", terminal.export_svg(title=title, unique_id="call"))


def main() -> None:
    environment = {**os.environ, "FORCE_COLOR": "1"}
    result = subprocess.run(_COMMAND, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.stdout.write(result.stdout)
        sys.exit("The demonstration call failed; the picture was not changed.")
    target = Path(sys.argv[1])
    target.write_text(draw(call_lines(result.stdout.splitlines()), "scripts/run --once"), encoding="utf-8")
    sys.stdout.write(f"Written: {target}\n")


if __name__ == "__main__":
    main()
