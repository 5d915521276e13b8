"""The check of a staged site: `hatif check`, and what it finds beyond what it finds today."""

import json
from collections.abc import Iterable
from pathlib import Path

from ivr.home.settings import Settings
from ivr.site_changes.model import FoundFinding
from ivr.site_changes.programs import ProgramError, run_hatif

_LIMIT_S = 180.0
_AFTER_THE_BUILD = ("E_AUDIO_MISSING", "W_AUDIO_STALE")
"""Findings about audio that the release makes."""


async def check_site(settings: Settings, folder: Path) -> list[FoundFinding]:
    """Return what `hatif check` finds in a site's folder, as if it were the line's. Raises ProgramError."""
    done = await run_hatif(settings, "check", "--json", limit_s=_LIMIT_S, environment={"HATIF_SITE": str(folder)})
    try:
        found = json.loads(done.output)["findings"]
    except (ValueError, KeyError, TypeError):
        raise ProgramError(f"`hatif check` failed: {_shown(done.last_words, folder, settings.site)}") from None
    rows = (json.loads(_shown(json.dumps(row, ensure_ascii=False), folder, settings.site)) for row in found)
    return [FoundFinding.model_validate(row) for row in rows]


def new_findings(before: Iterable[FoundFinding], after: Iterable[FoundFinding]) -> tuple[FoundFinding, ...]:
    """Return the findings that only the changed site has, wherever they stand in their files."""
    known = {(row.code, row.file, row.found) for row in before}
    return tuple(
        row for row in after if (row.code, row.file, row.found) not in known and row.code not in _AFTER_THE_BUILD
    )


def _shown(text: str, folder: Path, site: Path) -> str:
    return text.replace(str(folder), str(site))
