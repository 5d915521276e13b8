"""`hatif guide`: what the guide says, looked up by whoever sits beside the telephone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import as_json, as_table, cell, console
from ivr.site import guide as guides
from ivr.site.guide import Guide, Procedure, Status

if TYPE_CHECKING:
    from prompts.catalogue import Catalogues
    from prompts.sources import Sources

_ENGLISH = "en"
_SAMPLE = "Sample content: the ministry must confirm it."


class GuideError(Exception):
    """A sentence that says why nothing is shown, and what would be found."""


def register(app: typer.Typer) -> None:
    app.command()(guide)


def guide(
    query: list[str] | None = typer.Argument(
        None, help="Words to look for, or the id of a procedure.", show_default=False
    ),
    language: str = typer.Option(_ENGLISH, "--language", help="The code of a language that has texts."),
    json: bool = typer.Option(False, "--json", help="One JSON document on standard output: a list."),
) -> None:
    """The guide: all procedures, or those with some words, best first; one alone is shown whole."""
    from prompts import catalogue, sources

    parts = Composition(bound=False)
    folder = parts.settings.site / guides.FOLDER
    known = guides.parse(guides.read(folder), folder, parts.site.countries)
    texts = catalogue.load(parts.settings.site)
    if language not in texts.languages:
        raise GuideError(f"{language!r} has no texts; the languages are {', '.join(texts.languages)}.")
    page = _Page(known, texts, sources.load(parts.settings.site), language)
    if not query:
        rows = [page.row(each) for each in known.procedures.values()]
        if json:
            as_json(rows)
        else:
            _list("Guide", rows)
        return
    found = page.found(" ".join(query))
    if json:
        as_json([page.whole(each) for each in found])
    elif len(found) == 1:
        _show(page.whole(found[0]))
    else:
        _list("Found", [page.row(each) for each in found])
        console.print("`hatif guide ID` shows one of them whole.")


@dataclass(frozen=True)
class _Page:
    """The guide in one language; English stands in for what is not translated, also where no catalogue has it yet."""

    guide: Guide
    texts: "Catalogues"
    written: "Sources"
    language: str

    def found(self, query: str) -> list[Procedure]:
        """The one of that id, else those that have the words, best first. Raises GuideError."""
        from ivr.site.guide_search import search, words

        procedures = self.guide.procedures
        if (exact := procedures.get("_".join(words(query)))) is not None:
            return [exact]
        languages = dict.fromkeys((self.language, _ENGLISH))

        def said(ids: tuple[str, ...]) -> list[str]:
            return [self._text(each, language) for each in ids for language in languages]

        titles = {name: [name, *said((guides.title(name),))] for name in procedures}
        others = {name: said(each.text_ids) for name, each in procedures.items()}
        ids = search(query, titles, others)
        if not ids:
            raise GuideError(
                f"The guide says nothing about {query!r} in {' or '.join(languages)}; `hatif guide` lists what it has, "
                "`--language` searches another language."
            )
        return [procedures[each] for each in ids]

    def row(self, procedure: Procedure) -> dict[str, Any]:
        return {"id": procedure.id, "title": self._text(guides.title(procedure.id)), "status": procedure.status.value}

    def whole(self, procedure: Procedure) -> dict[str, Any]:
        fields = {name: self._text(text) for name, text in procedure.steps(None)}
        remarks = {country: self._text(procedure.remark(country)) for country in procedure.countries}
        return {**self.row(procedure), "language": self.language, **fields, "remarks": remarks}

    def _text(self, identity: str, language: str | None = None) -> str:
        here = self.texts.text(language or self.language, identity)
        return here or self.texts.text(_ENGLISH, identity) or self.written[identity].text


def _list(title: str, rows: list[dict[str, Any]]) -> None:
    as_table(
        title,
        ("id", "title", "status"),
        ((row["id"], _clause(row["title"]), row["status"]) for row in rows),
        empty="there is no procedure; docs/guide.md says how to write one",
    )
    if any(row["status"] == Status.SAMPLE for row in rows):
        console.print(_SAMPLE)


def _show(whole: dict[str, Any]) -> None:
    lines = {name.replace("_", " "): text for name, text in whole.items() if name not in _HEAD}
    lines |= {f"in {country}": text for country, text in whole["remarks"].items()}
    console.print(f"{whole['id']}: {_clause(whole['title'])}", style="bold", markup=False)
    if whole["status"] == Status.SAMPLE:
        console.print(_SAMPLE)
    for name, text in lines.items():
        console.print(f"\n{name}\n  {cell(text)}", markup=False, soft_wrap=True)


_HEAD = ("id", "title", "status", "language", "remarks")


def _clause(title: str) -> str:
    """Without the comma after which the key is named."""
    return title.rstrip(" ,،")
