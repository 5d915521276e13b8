"""Findings of `hatif check` about texts of the example that a site made from it still speaks."""

import re
from collections.abc import Iterator
from pathlib import Path

from ivr.home.settings import EXAMPLE
from ivr.site import site as site_file
from ivr.site.findings import Finding, count_and_name
from ivr.site.site import Site
from prompts import catalogue, spoken_words
from prompts.catalogue import Catalogues
from prompts.sources import GUIDE, Sources

_ITS_OWN = re.compile(r"\b(consul|morocc)\w*", re.IGNORECASE)
"""In the English of the example's texts: what is true of its institution only."""
_TIME = "site_time"
"""The text that names the time of the site's time zone."""


def example_findings(folder: Path, site: Site, written: Sources, texts: Catalogues) -> Iterator[Finding]:
    """Yield a warning for each file, and for the guide, with texts that name the example's institution.

    Yields nothing for the example, and while a site has its name and time zone: it may be of the same institution.
    """
    if folder.resolve() == EXAMPLE.resolve() or not (EXAMPLE / "site.toml").is_file():
        return
    example = site_file.load(EXAMPLE)
    same_time = site.hours.timezone == example.hours.timezone
    if site.name == example.name and same_time:
        return
    theirs = catalogue.load(EXAMPLE)
    still: dict[Path, list[str]] = {}
    for text in written.values():
        entry = theirs.entry(catalogue.SOURCE, text.id)
        if entry is None or not _ITS_OWN.search(entry.source) or spoken_words.is_words(text.id):
            continue
        if text.id == _TIME and same_time:
            continue
        if any(_is_spoken(texts, theirs, language, text.id) for language in site.languages):
            place = text.file.parent if text.file.parent.name == GUIDE else text.file
            still.setdefault(place, []).append(text.id)
    for ids in still.values():
        first = written[ids[0]]
        found = f"texts of the example's institution are still spoken: {count_and_name(ids)}, such as {first.text!r}"
        remedy = "write your own, run `hatif prompts update`, and translate them"
        yield Finding("W_TEXT_EXAMPLE", str(first.file), first.line, found, remedy)


def _is_spoken(texts: Catalogues, theirs: Catalogues, language: str, text: str) -> bool:
    ours = texts.text(language, text)
    return ours is not None and ours == theirs.text(language, text)
