"""The flow of a site: read from `flow.yaml`, checked whole, and only then used."""

from collections.abc import Collection
from pathlib import Path

from ivr.flow import checks
from ivr.flow.file import Flow as Flow
from ivr.flow.file import OneNode as OneNode
from ivr.flow.file import draft
from ivr.site.findings import Finding, SiteError
from ivr.site.guide import Guide
from prompts import site_files


def read(path: Path) -> str:
    """The text of a flow's file. Raises SiteError."""
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
    """The flow in `text`. `known_texts`: the ids that there are. They and the guide's procedures are unchecked if None.

    Raises SiteError with a line for each mistake.
    """
    written = draft(text, where)
    found = checks.findings(written, languages, known_texts, guide)
    if errors := [each for each in found if each.is_error]:
        raise SiteError(*errors)
    return written.flow


def shaped(text: str, where: str) -> Flow:
    """The flow in `text`, where it has led callers already: only its shape is looked at. Raises SiteError."""
    written = draft(text, where)
    if written.faults:
        raise SiteError(*written.faults)
    return written.flow
