"""The changes of a line, kept in HATIF_HOME: what they are, and the contents before and after them.

One process writes here, from one thread at a time.
"""

import os
import re
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from ivr.site_changes.exchange import AFTER, BEFORE, CHANGE, FOLDER
from ivr.site_changes.model import ChangeError, ChangeState, KeptChange

KEPT_DRAFTS = timedelta(days=7)
"""After this time a change that was not released is forgotten."""
KEPT = 2000
"""Released changes that can be looked at."""
_ID = re.compile(r"[0-9a-f-]{36}")
_OVER = (ChangeState.RELEASED, ChangeState.TAKEN_BACK)


class ChangeStore:
    """All changes, by id: their ids sort by time."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def folder_of(self, change: str) -> Path:
        return self.folder / change

    def ids(self) -> list[str]:
        """Return the ids of all changes, the latest first."""
        if not self.folder.is_dir():
            return []
        return sorted((path.name for path in self.folder.iterdir() if _ID.fullmatch(path.name)), reverse=True)

    def find(self, change: str) -> KeptChange:
        """Return a change. Raises ChangeError (`unknown`)."""
        if _ID.fullmatch(change):
            with suppress(FileNotFoundError):
                return KeptChange.model_validate_json((self.folder / change / CHANGE).read_bytes())
        raise ChangeError("unknown", "There is no such change of the site's files.")

    def latest(self, most: int) -> list[KeptChange]:
        """Return the latest changes, the newest first."""
        found = []
        for change in self.ids()[:most]:
            with suppress(ChangeError, ValueError):
                found.append(self.find(change))
        return found

    def keep(self, change: KeptChange) -> KeptChange:
        """Write a change, atomically. Raises OSError."""
        folder = self.folder / change.id
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        draft = folder / f"{CHANGE}.new"
        with draft.open("wb") as file:
            file.write(change.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / CHANGE)
        return change

    def keep_contents(self, change: str, before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]) -> None:
        """Keep the contents before and after a change; None for a file that does not exist. Raises OSError."""
        for name, contents in ((BEFORE, before), (AFTER, after)):
            top = self.folder / change / name
            shutil.rmtree(top, ignore_errors=True)
            for file, content in contents.items():
                if content is not None:
                    path = top / file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("wb") as out:
                        out.write(content)
                        out.flush()
                        os.fsync(out.fileno())

    def contents(self, change: KeptChange, which: str) -> dict[str, bytes | None]:
        """Return the kept contents: `before` or `after`. Raises OSError."""
        top = self.folder / change.id / which
        return {item.file: (top / item.file).read_bytes() if getattr(item, which) else None for item in change.files}

    def remove(self, change: str) -> None:
        shutil.rmtree(self.folder / change, ignore_errors=True)

    def prune(self, now: datetime, but: Collection[str] = ()) -> None:
        """Forget old changes that were not released, and the oldest of very many that were."""
        over = 0
        for name in self.ids():
            try:
                found = self.find(name)
            except (ChangeError, ValueError):
                continue
            if found.state in _OVER:
                over += 1
                if over > KEPT:
                    self.remove(name)
            elif now - found.made > KEPT_DRAFTS and name not in but:
                self.remove(name)
