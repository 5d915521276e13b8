"""New texts of a procedure of the guide, as edits of its file and of the catalogues."""

from collections.abc import Mapping
from pathlib import Path

from ivr.site.guide import Procedure
from ivr.site_changes.edits import EditError, SiteEdit, TextEdit, YamlEdit
from prompts import sources
from prompts.catalogue import SOURCE
from prompts.sources import CatalogueError, guide_text_id


def guide_edits(site: Path, procedure: Procedure, texts: Mapping[str, Mapping[str, str]]) -> list[SiteEdit]:
    """Return the edits that give a procedure new texts, by id and language.

    A language that gets no new text while the English changes keeps what it says, and its catalogue shows that it
    translates an earlier text (`W_TEXT_STALE`).

    Raises:
        EditError: The procedure has no such text.
    """
    file = f"{sources.GUIDE}/{procedure.id}.yaml"
    english = _english(site / file)
    edits: list[SiteEdit] = []
    for text_id, by_language in texts.items():
        place = place_of(procedure, text_id)
        if place is None or text_id not in english:
            raise EditError(f"{file} has no text {text_id!r} any more.")
        source = by_language.get(SOURCE, english[text_id])
        if source != english[text_id]:
            edits.append(YamlEdit(kind="yaml", file=file, place=place, value=source))
            edits.append(TextEdit(kind="text", language=SOURCE, id=text_id, source=source, text=""))
        edits += [
            TextEdit(kind="text", language=language, id=text_id, source=source, text=text)
            for language, text in by_language.items()
            if language != SOURCE
        ]
    return edits


def place_of(procedure: Procedure, text_id: str) -> list[str | int] | None:
    """Return where a text is in the procedure's file: its field, and its index in a list."""
    for name, ids in procedure.texts.items():
        if text_id in ids:
            return _place([name], ids, text_id, guide_text_id(procedure.id, name))
    for country, ids in procedure.remarks.items():
        if text_id in ids:
            return _place(["remarks", country], ids, text_id, guide_text_id(procedure.id, "remark", country))
    return None


def _place(field: list[str | int], ids: tuple[str, ...], text_id: str, alone: str) -> list[str | int]:
    return field if ids == (alone,) else [*field, ids.index(text_id)]


def _english(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            return {name: text for _, _, (name, text), _ in sources.extract(file, (), (), {})}
    except (OSError, CatalogueError) as error:
        raise EditError(f"{path} cannot be read ({error}).") from None
