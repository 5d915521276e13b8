"""What a page of docs/ tells its reader to type and to write, for tests that follow it."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shell import Answer

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_EXPLANATION = re.compile(r"\s{2,}\S.*|\s+#\s.*")
_INLINE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text without indentation, and the line of the page on which it begins."""

    language: str
    text: str
    line: int


class Page:
    """A page of docs/, or another Markdown file of the checkout."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (DOCS / name).read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        found = []
        for match in _BLOCK.finditer(self.text):
            indent, language, text = match.groups()
            lines = [line.removeprefix(indent) for line in text.splitlines()]
            found.append(Block(language, "\n".join(lines), self.text[: match.start()].count("\n") + 2))
        return tuple(found)

    def written(self, language: str) -> list[str]:
        """Return the texts of the blocks in a language, such as `toml`."""
        return [block.text for block in self.blocks if block.language == language]

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines of blocks that a reader types, with their numbers. Continued lines are one."""
        for block in self.blocks:
            if block.language not in ("", "sh"):
                continue
            typed, first = "", 0
            for number, line in enumerate(block.text.splitlines(), block.line):
                first = first if typed else number
                typed += line.removesuffix("\\")
                if not line.endswith("\\"):
                    if command := _EXPLANATION.sub("", typed).strip():
                        yield first, command
                    typed = ""

    def commands(self, heading: str = "") -> list[str]:
        """Return the lines that a reader types, in their order; those under a heading only, if one is given."""
        first, last = 0, self.text.count("\n") + 1
        if heading:
            place = self.text.index(f"\n{heading}\n") + 1
            level = heading.partition(" ")[0]
            first = self.text[:place].count("\n") + 1
            end = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(self.text, place + len(heading))
            last = self.text[: end.start()].count("\n") if end else last
        return [command for number, command in self.lines() if first <= number <= last]

    def inline(self) -> Iterator[tuple[int, str]]:
        """Yield what is written as code within sentences, with the lines' numbers."""
        outside = _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), self.text)
        for match in _INLINE.finditer(outside):
            yield outside[: match.start()].count("\n") + 1, " ".join(match[1].split())


def follow(
    commands: list[str],
    run: Callable[[str], Answer],
    *,
    values: Mapping[str, str] | None = None,
    not_run: Mapping[str, str] | None = None,
) -> dict[str, Answer]:
    """Run a page's commands one after the other; return their answers.

    Args:
        values: what a reader writes in place of words such as FILE
        not_run: commands that are left out, each with the reason

    Raises:
        AssertionError: if a command fails, or one that is left out is not on the page.
    """
    left_out = not_run or {}
    assert left_out.keys() <= {*commands}, f"not on the page: {left_out.keys() - {*commands}}"
    answers = {}
    for command in commands:
        if command in left_out:
            continue
        typed = command
        for word, value in (values or {}).items():
            typed = typed.replace(word, value)
        answers[command] = answer = run(typed)
        assert answer.returncode == 0, f"{typed}: {answer.stdout}{answer.stderr}"
    return answers


def arguments(command: str) -> list[str]:
    """Return the arguments of a `hatif` command as it is on a page. ValueError if it is not one."""
    words = shlex.split(re.sub(r"^runuser -u hatif -- (env )?", "", command))
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    if not words or words[0].rpartition("/")[2] != "hatif":
        raise ValueError(command)
    return words[1:]
