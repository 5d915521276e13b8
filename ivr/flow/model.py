"""The flow of a site: read from `flow.yaml`, checked as a whole, and only then used."""

from collections.abc import Collection
from pathlib import Path

from ivr.flow import checks
from ivr.flow.file import AnyNode as AnyNode
from ivr.flow.file import Flow as Flow
from ivr.flow.file import read_draft
from ivr.site.findings import Finding, SiteError
from ivr.site.guide import Guide
from prompts import site_files


def read(path: Path) -> str:
    """Return the text of a flow's file. Raises SiteError."""
    try:
        return site_files.text(path)
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"cannot be read ({error}); it must be a UTF-8 text file"
        raise SiteError(Finding.from_sentence("E_FLOW_FILE", str(path), 1, sentence)) from None


def parse(
    text: str,
    where: str,
    languages: Collection[str],
    known_texts: Collection[str] | None = None,
    guide: Guide | None = None,
) -> Flow:
    """Return the flow in `text`. Raises SiteError with a line for each error.

    `known_texts`: the ids of all texts. They and the guide's procedures are not checked if None.
    """
    draft = read_draft(text, where)
    found = checks.check_draft(draft, languages, known_texts, guide)
    if errors := [item for item in found if item.is_error]:
        raise SiteError(*errors)
    return draft.flow


def parse_kept(text: str, where: str) -> Flow:
    """Return a flow that callers have used already: only its structure is checked. Raises SiteError."""
    draft = read_draft(text, where)
    if draft.faults:
        raise SiteError(*draft.faults)
    return draft.flow
