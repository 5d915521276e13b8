"""Bring a site's catalogues up to date with the texts in its own files, as pybabel's `extract` and `update` do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from prompts import added_texts, catalogue, po, sources
from prompts.sources import CatalogueError


@dataclass(frozen=True, slots=True)
class Updated:
    """A catalogue that was written, with the numbers of the texts that came, went, and need a translator's look."""

    language: str
    added: int
    removed: int
    fuzzy: int


def update(site: Path) -> Iterator[Updated]:
    """Write each catalogue that differs from the site's texts, and yield what has changed in it.

    A text whose English has changed gets the most similar old translation, marked fuzzy. A new one that comes with the
    program gets the program's translation.

    Raises:
        CatalogueError: A file of the site cannot be read or written, or the site's own files have no texts.
    """
    texts = catalogue.load(site)
    written = sources.load(site)
    if not written:
        raise CatalogueError(f"{site / 'texts.yaml'}: the site's files have no texts; write their English texts there")
    template = Catalog()
    for source in written.values():
        template.add(source.text, context=source.id, auto_comments=[source.comment] if source.comment else [])
    for language in texts.languages:
        file = texts.file(language)
        before = po.read(file)
        messages = read_po(io.StringIO(before.removeprefix("\ufeff")), locale=language)
        known = _ids(messages)
        messages.update(template, update_creation_date=False)
        _translate(messages, language)
        after = _format(messages, newline="\r\n" if "\r\n" in before else "\n")
        if after == before:
            continue
        po.replace(file, before, after)
        ids = _ids(messages)
        yield Updated(language, len(ids.keys() - known), len(known.keys() - ids), sum(ids.values()))


def _ids(messages: Catalog) -> dict[str, bool]:
    """Return whether each text is fuzzy, by its id."""
    return {str(message.context): message.fuzzy for message in messages if message.id}


def _translate(messages: Catalog, language: str) -> None:
    """Give the program's translations to the texts that have the program's English and no translation that counts."""
    for text, added in added_texts.load().items():
        message = messages.get(added.texts[catalogue.SOURCE], context=text)
        if message is None or language == catalogue.SOURCE or language not in added.texts:
            continue
        if message.fuzzy or not message.string:
            message.string, message.flags = added.texts[language], message.flags - {po.FUZZY}


def _format(messages: Catalog, newline: str) -> str:
    out = io.BytesIO()
    write_po(out, messages, ignore_obsolete=True)
    return out.getvalue().decode().replace("\n", newline)
