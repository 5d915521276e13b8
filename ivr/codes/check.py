"""What codes would say and no catalogue has: findings of `hatif check`."""

from collections.abc import Collection
from pathlib import Path

from ivr.codes import table
from ivr.findings import Finding, some
from ivr.site import Site, line_in


def code_text_findings(folder: Path, site: Site, known: Collection[str]) -> list[Finding]:
    """W_CODE_TEXT. `known`: the ids of all texts; none where they could not be read."""
    wanted = table.texts(site.languages, site.operators.pauses)
    missing = [each for each in wanted if each not in known]
    if not known or not site.codes.digits or not missing:
        return []
    path = folder / "site.toml"
    line = line_in(path.read_text(encoding="utf-8"), ("operators", "pauses"))
    found = f"{some(missing)} of {len(wanted)} texts that codes say, such as the reasons of pauses, are in no catalogue"
    return [Finding("W_CODE_TEXT", str(path), line, found, "write them in texts.yaml, as the example site does")]
