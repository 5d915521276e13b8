"""Everything about one number, in a folder that can be handed to the person."""

import json
import os
import shutil
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from db.engine import open_engine
from db.person import Rows, about_number
from ivr.data.expiry import is_below
from ivr.model.e164 import written_forms

DATA = "data.json"


async def export(home: Path, url: str, number: str, out: Path, now: datetime) -> dict[str, int]:
    """Write all rows about a number (E.164) and the audio that its calls left; return how many of each kind.

    Raises:
        FileExistsError: The folder exists.
        OSError: It cannot be written.
        DatabaseError: The database is away.
    """
    async with open_engine(url, long=True) as engine:
        rows = await about_number(engine, (number, *written_forms(number)))
    counts = {kind: len(found) for kind, found in rows.items() if found}
    if counts:
        counts["audio"] = _write(home, number, rows, out, now)
    return counts


def _write(home: Path, number: str, rows: dict[str, Rows], out: Path, now: datetime) -> int:
    out.mkdir(mode=0o700, parents=True)
    audio = 0
    for row in (*rows["recording"], *rows["message"]):
        if is_below(home, row["file"]):
            (out / row["file"]).parent.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # erased meanwhile
                shutil.copyfile(home / row["file"], out / row["file"])
                (out / row["file"]).chmod(0o600)
                audio += 1
    said = {"number": number, "exported": now, **rows}
    with os.fdopen(os.open(out / DATA, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(said, file, default=_plain, ensure_ascii=False, indent=1)
    return audio


def _plain(value: object) -> str:
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value)} cannot be written as JSON")
