"""Applying edits: new contents of files, made from the present ones."""

from collections.abc import Mapping, Sequence

from ivr.site_changes import files, structured
from ivr.site_changes.edits import ContentEdit, EditError, LineEdit, RowEdit, SiteEdit, TextEdit, TomlEdit, YamlEdit
from ivr.site_changes.files import TextFile
from ivr.site_changes.rows import set_line, set_row
from prompts import po
from prompts.catalogue import SOURCE

LONGEST = 200_000
"""Characters of a file in which values are set; that of the example with the most has a tenth."""
MOST = 1_000_000
"""Characters of all files in which values of one change are set: they take the controller some twenty seconds."""
MOST_ROWS = 100_000_000
"""The same for rows and texts."""


def apply_edits(contents: Mapping[str, bytes], edits: Sequence[SiteEdit]) -> dict[str, bytes | None]:
    """Return the new content of each file that the edits change; None for one that they remove.

    Args:
        contents: Those of all files that can be changed, as they are now.

    Raises:
        EditError: An edit cannot be made.
    """
    now: dict[str, bytes | None] = {}
    values = rows = 0
    for edit in edits:
        file = files.catalogue(edit.language) if isinstance(edit, TextEdit) else edit.file
        if not files.is_changeable(file):
            raise EditError(f"{file!r} is not a file of the site that can be changed here.")
        before = now[file] if file in now else contents.get(file)
        if isinstance(edit, YamlEdit | TomlEdit):
            if before is not None and len(before) > LONGEST:
                raise EditError(f"{file} has more than {LONGEST:,} bytes, and is too long to be changed here.")
            values += len(before or b"")
        elif not isinstance(edit, ContentEdit):
            rows += len(before or b"")
        if values > MOST or rows > MOST_ROWS:
            raise EditError("These are too many changes for one time; make some of them first, then the others.")
        try:
            now[file] = _edited(file, before, edit)
        except UnicodeEncodeError:
            raise EditError(f"{file} gets a character that cannot be written.") from None
    return {file: content for file, content in now.items() if content != contents.get(file)}


def _edited(file: str, before: bytes | None, edit: SiteEdit) -> bytes | None:
    if isinstance(edit, ContentEdit):
        return edit.content.encode() if edit.content is not None else None
    found = TextFile.read(file, before)
    return found.written(_edited_text(file, found.text, edit))


def _edited_text(file: str, text: str, edit: YamlEdit | TomlEdit | RowEdit | LineEdit | TextEdit) -> str:
    match edit:
        case YamlEdit():
            if not file.endswith(".yaml"):
                raise EditError(f"{file} is not a YAML file.")
            return structured.set_in_yaml(file, text, edit.place, edit.value)
        case TomlEdit():
            if not file.endswith(".toml"):
                raise EditError(f"{file} is not a TOML file.")
            return structured.set_in_toml(file, text, edit.place, edit.value)
        case RowEdit():
            if not file.endswith(".csv"):
                raise EditError(f"{file} is not a CSV file.")
            return set_row(file, text, edit.row, edit.cells)
        case LineEdit():
            if not file.endswith(".csv"):
                raise EditError(f"{file} is not a CSV file.")
            return set_line(file, text, edit.line, edit.new)
        case TextEdit():
            return _with_text(file, text, edit)


def _with_text(file: str, text: str, edit: TextEdit) -> str:
    if edit.removed:
        try:
            return po.remove(text, edit.id)
        except KeyError:
            raise EditError(f"{file} has no text {edit.id!r}.") from None
    try:
        return po.change(text, edit.id, po.Change(False, edit.text, source=edit.source, replaces=("tashkeel: ",)))
    except KeyError:
        pass
    if edit.source is None or (edit.text is None and edit.language != SOURCE):
        raise EditError(f"{file} has no text {edit.id!r}; a new one needs its English source and its translation.")
    return po.add(text, edit.id, edit.source, edit.text or "")
