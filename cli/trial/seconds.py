"""`hatif try --seconds`: when callers of each language hear and do what, by the lengths of the built audio."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.output import as_table, console, errors
from ivr.site.findings import count_and_name
from ivr.trial.moments import Moment, Row, align, find_moments
from ivr.trial.staging import home_number, language_keys
from ivr.trial.trial import Stage, TrialResult
from prompts.catalogue import Catalogues
from wire.errors import UserError

_BUILD = "run `hatif prompts build`"


class SecondsError(UserError):
    """A sentence that says why a path cannot be measured, and what to do."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A call of the path in one language. `caller`: their number, empty if it is hidden; `keys`: with their own."""

    language: str
    caller: str
    keys: str


def plan_journeys(stage: Stage, keys: str, caller: str | None) -> list[Journey]:
    """Return the path's call in each language. Without a `caller`, each calls from a country of their language.

    A key that chooses a language stands for the key of each. Raises SecondsError where that is impossible.
    """
    of_language = {language: key for key, language in language_keys(stage).items()}
    chooses = bool(keys) and keys[0] in of_language.values()
    planned = []
    for language in stage.site.languages:
        number = home_number(stage.site, language) if caller is None else caller
        if number is None:
            number = ""
            if not chooses:
                raise SecondsError(
                    f"No country of the site has {language} as its likeliest language, so silence never chooses it; "
                    "begin KEYS with a key of the language menu."
                )
        own = of_language.get(language)
        if chooses and own is None:
            raise SecondsError(f"No key chooses {language}; `hatif flow draw` shows the language menu.")
        planned.append(Journey(language, number, f"{own}{keys[1:]}" if chooses else keys))
    return planned


@dataclass(frozen=True)
class SecondsReport:
    """A path in every language, with one trial each."""

    stage: Stage
    journeys: Sequence[Journey]
    results: Mapping[str, TrialResult]
    texts: Catalogues

    @property
    def failed(self) -> bool:
        return any(result.errors for result in self.results.values())

    def check(self) -> None:
        """Raise SecondsError if the seconds would not be those of the site's audio, or not those of each language."""
        unbuilt: dict[str, list[str]] = {}
        stale: dict[str, list[str]] = {}
        for result in self.results.values():
            for step in result.steps:
                for clip in step.data["clips"] if step.kind == "hears" else ():
                    name = f"{clip.language}/{clip.prompt}"
                    if not clip.built:
                        unbuilt[name] = []
                    elif clip.text != self.texts.text(clip.language, clip.prompt):
                        stale[name] = []
        if unbuilt:
            raise SecondsError(f"{count_and_name(list(unbuilt))} of the texts on this path have no audio; {_BUILD}.")
        if stale:
            found = f"The audio of {count_and_name(list(stale))} of the texts on this path is of an earlier text"
            raise SecondsError(f"{found}; {_BUILD}.")
        for journey in self.journeys:
            steps = self.results[journey.language].steps
            first = next((step.data["language"] for step in steps if step.kind == "language"), journey.language)
            if first != journey.language:
                raise SecondsError(
                    f"On this path a caller is served in {first}, not in {journey.language}: begin KEYS with a key of "
                    "the language menu, or leave --from out, so that each calls from a country of their language."
                )

    def rows(self) -> list[Row]:
        flow, results = self.stage.version.flow, self.results.items()
        return align({language: find_moments(result, language, flow) for language, result in results})

    def data(self) -> Mapping[str, Any]:
        """Return the report for `--json`: each moment with its seconds from the answer, by language."""
        return {
            "callers": [
                {
                    "language": journey.language,
                    "from": journey.caller or None,
                    "keys": journey.keys,
                    "outcome": (result := self.results[journey.language]).outcome,
                    "path": list(result.path),
                    "errors": list(result.errors),
                }
                for journey in self.journeys
            ],
            "moments": [
                {
                    "what": row.what,
                    "node": row.node,
                    "name": row.name,
                    "at": {language: round(moment.at, 2) for language, moment in row.moments.items()},
                    "lasts": {
                        language: round(moment.seconds, 2)
                        for language, moment in row.moments.items()
                        if moment.seconds is not None
                    },
                }
                for row in self.rows()
            ],
        }

    def show(self) -> None:
        """Print the moments, and how long each announcement lasts; errors go to standard error."""
        rows, languages = self.rows(), list(self.results)
        for journey in self.journeys:
            presses = f"presses {' '.join(journey.keys)}" if journey.keys else "presses nothing"
            console.print(f"{journey.language}: {journey.caller or 'a hidden number'} {presses}.", markup=False)
        console.print("A key is pressed once its words have been heard, else after the announcement.\n")
        as_table(
            "Seconds from the answer",
            ("moment", *languages),
            ((_describe(row), *_cells(row, languages, lambda moment: moment.at)) for row in rows),
        )
        heard = [row for row in rows if row.what == "hears"]
        console.print()
        as_table(
            "Seconds that an announcement lasts if no key cuts it short",
            ("announcement", *languages),
            _once((_announcement(row), *_cells(row, languages, lambda moment: moment.seconds)) for row in heard),
        )
        for language, result in self.results.items():
            for error in result.errors:
                errors.print(f"{language}: {error}", style="red", markup=False, soft_wrap=True)


def _cells(row: Row, languages: Sequence[str], figure: Callable[[Moment], float | None]) -> list[str]:
    shown = []
    for language in languages:
        moment = row.moments.get(language)
        seconds = figure(moment) if moment is not None else None
        shown.append("-" if seconds is None else f"{seconds:.1f}")
    return shown


def _once(rows: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield the rows without those of announcements that are repeated as they were."""
    seen = set()
    for name, *cells in rows:
        announcement = (name.partition(" (")[0], *cells)
        if announcement not in seen:
            seen.add(announcement)
            yield name, *cells


def _announcement(row: Row) -> str:
    return f"{row.node}: {row.name}{_again(row)}"


def _again(row: Row) -> str:
    return f" ({row.nth})" if row.nth > 1 else ""


def _describe(row: Row) -> str:
    again = _again(row)
    match row.what:
        case "own_language":
            return f"{row.node}: own language heard{again}"
        case "operator":
            return f"{row.node}: operator heard{again}"
        case "hears":
            return f"{_announcement(row)} begins"
        case "presses":
            return f"{row.node}: presses {row.name or 'a language'}{again}"
        case "queued":
            return f"{row.node}: queued{again}"
        case "connected":
            return f"{row.node}: connected{again}"
    return "over"
