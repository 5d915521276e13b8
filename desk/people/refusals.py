"""Refused sign-ins in the audit: so many of them that no stranger can fill the disk, and the number of the others."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.audit import entry
from db.engine import DatabaseError, writing

log = structlog.get_logger()

MOST, WITHIN = 100, timedelta(hours=1)
"""Refused sign-ins that have a record of their own, at most, in each of these times."""

LONGEST = 40
"""Characters of an account as somebody has typed it."""

BY = "-"
"""Who was refused: nobody that the desk knows."""


class Refusals:
    """The records of one desk."""

    def __init__(self) -> None:
        self._begins: datetime | None = None
        self._noted = 0
        self._more = 0  # without a record

    async def note(
        self, engine: AsyncEngine, account: str | None, source: str, now: datetime, way: str | None = None
    ) -> None:
        """Record a sign-in that was refused. While the database is away, it is in the log only.

        Args:
            account: As it was typed; None: somebody came with a link that does not work.
            way: What was wrong, if it was not the password or the link.
        """
        records = []
        if self._begins is None or now >= self._begins + WITHIN:
            if self._more:
                records.append(entry(now, BY, "account_refused_more", times=self._more))
            self._begins, self._noted, self._more = now, 0, 0
        if self._noted < MOST:
            self._noted += 1
            typed = "".join(letter for letter in account or "" if letter.isprintable())[:LONGEST]
            about = f"account:{typed}" if account is not None else "link"
            data = {"source": source[:LONGEST], **({"way": way} if way is not None else {})}
            records.append(entry(now, BY, "account_refused", about, **data))
        else:
            self._more += 1
        if not records:
            return
        try:
            async with writing(engine) as connection:
                for record in records:
                    await connection.execute(record)
        except DatabaseError as error:
            log.warning("A refused sign-in could not be recorded", reason=str(error))
