"""The results as a table and as one document."""

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.intelligibility import errors

WANTED = {"ar": 0.46, "de": 0.12, "en": 0.12, "es": 0.10, "fr": 0.12, "it": 0.14, "nl": 0.36}
"""The highest allowed mean error of the typical announcements, in the voice of a new site."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One text, its recognised form, and the error from 0 to 1."""

    id: str
    text: str
    heard: str
    error: float


@dataclass(frozen=True, slots=True)
class Result:
    """A voice that spoke one set of announcements of one language."""

    language: str
    voice: str
    peer: bool  # measured for comparison with the site's voice
    set: str
    announcements: tuple[Announcement, ...]
    failed: tuple[str, ...]  # texts that were not spoken, with the reason

    @property
    def mean(self) -> float | None:
        """The mean error of what was spoken; None if nothing was."""
        return errors.mean(announcement.error for announcement in self.announcements) if self.announcements else None

    @property
    def wanted(self) -> float | None:
        """The limit for this voice; None if there is none."""
        if self.peer or self.set != "typical":
            return None
        return WANTED.get(self.language)

    @property
    def kept(self) -> bool | None:
        """Whether the voice spoke everything and keeps its limit."""
        if self.wanted is None:
            return None
        return self.mean is not None and not self.failed and self.mean <= self.wanted


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two voices on the same announcements: how far the first one's error is from the second one's."""

    language: str
    set: str
    voice: str
    other: str
    announcements: int
    difference: float  # mean; below 0 if the first voice is understood better
    standard_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """The interval that has the true difference in it with a probability of .95."""
        half = 1.96 * self.standard_error
        return self.difference - half, self.difference + half


def comparisons(results: Sequence[Result]) -> Iterator[Comparison]:
    """Yield every pair of voices that spoke the same announcements, two or more of them."""
    for first, second in combinations(results, 2):
        if (first.language, first.set) != (second.language, second.set):
            continue
        others = {announcement.id: announcement.error for announcement in second.announcements}
        differences = [item.error - others[item.id] for item in first.announcements if item.id in others]
        if (count := len(differences)) > 1:
            spread = statistics.stdev(differences) / count**0.5
            mean = errors.mean(differences)
            yield Comparison(first.language, first.set, first.voice, second.voice, count, mean, spread)


def document(machine: Mapping[str, Any], results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """Return the whole document."""
    rows = [
        asdict(result) | {"mean": _rounded(result.mean), "wanted": result.wanted, "kept": result.kept}
        for result in results
    ]
    pairs = [asdict(pair) | {"interval": pair.interval} for pair in comparisons(results)]
    return {"machine": dict(machine), "seconds": round(seconds, 1), "results": rows, "comparisons": pairs}


def show(machine: Mapping[str, Any], results: Sequence[Result], seconds: float) -> None:
    """Print the table for people."""
    console = Console(highlight=False)
    if not console.is_terminal:  # a file has room
        console = Console(highlight=False, width=140)
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}; "
        f"{seconds:.0f} s; mean character error at telephone band, 0 is best"
    )
    console.print(table(results))
    console.print("The difference is that of the first two voices of a row, text by text, with the interval of 95 %.")
    for pair in comparisons(results):
        low, high = pair.interval
        console.print(
            f"{pair.language}, {pair.announcements} {pair.set.replace('_', ' ')}: {pair.voice} against {pair.other} "
            f"{pair.difference:+.3f} ± {pair.standard_error:.3f} (95 %: {low:+.3f} to {high:+.3f})",
            markup=False,
        )
    for result in results:
        for failure in result.failed:
            console.print(f"Not spoken: {result.language}/{failure}", markup=False)


def table(results: Sequence[Result]) -> Table:
    """Return the voices side by side, a row for each list of each language."""
    columns = list(dict.fromkeys(_column(result) for result in results))
    found = Table("language", "announcements", *columns, "difference", box=box.MARKDOWN)
    for language, item in dict.fromkeys((result.language, result.set) for result in results):
        row = [result for result in results if (result.language, result.set) == (language, item)]
        count = max(len(result.announcements) for result in row)
        errors_ = {_column(result): _cell(result) for result in row}
        difference = next((_interval(pair) for pair in comparisons(row)), "")
        cells = (errors_.get(column, "") for column in columns)
        found.add_row(language, f"{count} {item.replace('_', ' ')}", *cells, difference)
    return found


def _column(result: Result) -> str:
    """Return the engine of a voice, so that each has one column in all languages; a model has its own name."""
    return result.voice if ":" in result.voice else re.split(r" |-(?=[a-z]+\d)", result.voice)[0]


def _cell(result: Result) -> str:
    error = format_error(result.mean)
    if result.kept is None:
        return error
    return f"[green]{error}[/]" if result.kept else f"[red]{error}, limit {format_error(result.wanted)}[/]"


def _interval(pair: Comparison) -> str:
    low, high = pair.interval
    return f"{pair.difference:+.2f} ({low:+.2f} to {high:+.2f})"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def format_error(value: float | None) -> str:
    """Return an error as people read it."""
    return "–" if value is None else f"{value:.2f}"
