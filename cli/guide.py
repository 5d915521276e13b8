"""`hatif guide`: look up procedures of the guide, for somebody beside the telephone."""

from dataclasses import asdict, dataclass
from typing import Any

import typer

from cli.composition import Composition
from cli.output import as_json, as_table, cell, console
from ivr.site import guide as guides
from ivr.site.guide import Guide, Procedure, ProcedureStatus
from prompts import catalogue, sources
from prompts.catalogue import Catalogues
from prompts.guide_search import search, words
from prompts.sources import Sources
from wire.errors import UserError

_ENGLISH = "en"
_SAMPLE = "Sample content: the ministry must confirm it."


class GuideError(UserError):
    """A sentence that says why nothing is shown, and what could be found."""


def register(app: typer.Typer) -> None:
    app.command()(guide)


def guide(
    query: list[str] | None = typer.Argument(
        None, help="Words to search for, or the id of a procedure.", show_default=False
    ),
    language: str = typer.Option(_ENGLISH, "--language", help="The code of a language with texts."),
    json: bool = typer.Option(False, "--json", help="Print one JSON document, a list."),
) -> None:
    """List the guide's procedures, or those that match some words, best first; show a single match in full."""
    parts = Composition(bound=False)
    folder = parts.settings.site / guides.FOLDER
    known = guides.parse(guides.read(folder), folder, parts.site.countries)
    texts = catalogue.load(parts.settings.site)
    if language not in texts.languages:
        raise GuideError(f"{language!r} has no texts; the languages are {', '.join(texts.languages)}.")
    page = _Page(known, texts, sources.load(parts.settings.site), language)
    if not query:
        rows = [page.row(procedure) for procedure in known.procedures.values()]
        if json:
            as_json(rows)
        else:
            _list("Guide", rows)
        return
    matches = page.find(" ".join(query))
    if json:
        as_json([page.details(procedure) for procedure in matches])
    elif len(matches) == 1:
        _show(page.details(matches[0]))
    else:
        _list("Found", [page.row(procedure) for procedure in matches])
        console.print("`hatif guide ID` shows one of them in full.")


@dataclass(frozen=True)
class _Page:
    """The guide in one language, with English for texts that are not translated or not in a catalogue yet."""

    guide: Guide
    texts: Catalogues
    written: Sources
    language: str

    def find(self, query: str) -> list[Procedure]:
        """Return the procedure with this id, else those that match the words, best first. Raises GuideError."""
        procedures = self.guide.procedures
        if (exact := procedures.get("_".join(words(query)))) is not None:
            return [exact]
        languages = dict.fromkeys((self.language, _ENGLISH))

        def texts_of(ids: tuple[str, ...]) -> list[str]:
            return [self._text(text_id, language) for text_id in ids for language in languages]

        titles = {name: [name, *texts_of((guides.title(name),))] for name in procedures}
        others = {name: texts_of(procedure.text_ids) for name, procedure in procedures.items()}
        ids = search(query, titles, others)
        if not ids:
            raise GuideError(
                f"The guide says nothing about {query!r} in {' or '.join(languages)}; `hatif guide` lists all, "
                "`--language` searches another language."
            )
        return [procedures[procedure_id] for procedure_id in ids]

    def row(self, procedure: Procedure) -> dict[str, Any]:
        """Return id, title and status of a procedure."""
        return {"id": procedure.id, "title": self._text(guides.title(procedure.id)), "status": procedure.status.value}

    def details(self, procedure: Procedure) -> dict[str, Any]:
        """Return a procedure with all its texts."""
        fields = {name: self._joined(texts) for name, texts in procedure.texts.items() if name != _TITLE}
        remarks = {country: self._joined(texts) for country, texts in procedure.remarks.items()}
        sources = {name: asdict(source) for name, source in procedure.sources.items()}
        return {**self.row(procedure), "language": self.language, **fields, "remarks": remarks, "sources": sources}

    def _joined(self, texts: tuple[str, ...]) -> str:
        """Return what callers hear in several steps as one text."""
        return " ".join(map(self._text, texts))

    def _text(self, identity: str, language: str | None = None) -> str:
        here = self.texts.text(language or self.language, identity)
        return here or self.texts.text(_ENGLISH, identity) or self.written[identity].text


def _list(title: str, rows: list[dict[str, Any]]) -> None:
    as_table(
        title,
        ("id", "title", "status"),
        ((row["id"], _clause(row["title"]), row["status"]) for row in rows),
        empty="there are no procedures; docs/guide.md describes how to write one",
    )
    if any(row["status"] == ProcedureStatus.SAMPLE for row in rows):
        console.print(_SAMPLE)


def _show(details: dict[str, Any]) -> None:
    lines = {name.replace("_", " "): text for name, text in details.items() if name not in _HEAD}
    lines |= {f"in {country}": text for country, text in details["remarks"].items()}
    sources = (f"{name}: {found['source']} ({found['as_of']})" for name, found in details["sources"].items())
    lines |= {"sources": "\n  ".join(sources)} if details["sources"] else {}
    console.print(f"{details['id']}: {_clause(details['title'])}", style="bold", markup=False)
    if details["status"] == ProcedureStatus.SAMPLE:
        console.print(_SAMPLE)
    for name, text in lines.items():
        shown = "\n  ".join(map(cell, text.split("\n  ")))
        console.print(f"\n{name}\n  {shown}", markup=False, soft_wrap=True)


_TITLE = "title"
_HEAD = ("id", _TITLE, "status", "language", "remarks", "sources")


def _clause(title: str) -> str:
    """Return a title without the comma that precedes the key's name."""
    return title.rstrip(" ,،")
