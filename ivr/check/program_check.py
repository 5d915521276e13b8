"""Findings of `hatif check` about texts that come with the program, since a site that was made before lacks them."""

from collections.abc import Collection, Iterator
from pathlib import Path

from ivr.site.findings import Finding, count_and_name
from prompts import added_texts, catalogue
from prompts.catalogue import Catalogues


def program_text_findings(folder: Path, texts: Catalogues, languages: Collection[str]) -> Iterator[Finding]:
    """Yield a warning that names the texts which the site lacks and its callers hear all the same.

    `languages`: those in which a text counts.
    """
    lacking = [text for text, lacked in texts.program_texts.items() if not set(lacked).isdisjoint(languages)]
    if lacking:
        first = added_texts.load()[lacking[0]].texts[catalogue.SOURCE]
        found = f"callers hear texts of the program, which this site does not have: {count_and_name(lacking)}"
        remedy = f"write them in texts.yaml, such as {lacking[0]}: {first!r}, and run `hatif prompts update`"
        yield Finding("W_TEXT_PROGRAM", str(folder / "texts.yaml"), 1, found, remedy)
