"""A change that was made is answered and in the audit, even if the database goes away right after it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from db_helpers import rows
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from db.delivery import deliver_all
from db.engine import writing
from db.ids import uuid7
from db.journal import Journal
from db.tables import Audit, GuideRequest
from ivr.api import guide_requests
from ivr.records.database_client import SharedEngine
from ivr.records.guide_requests import GuideRequestRepository

pytest_plugins = ["db_fixtures"]

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def shared(url: str) -> AsyncIterator[SharedEngine]:
    made = SharedEngine(url)
    yield made
    await made.close()


def away_after_a_change(kind: type[Any], shared: SharedEngine) -> Any:
    """Return a repository that finds nothing more once something was changed, as if the database were away."""

    class Away(kind):  # type: ignore[misc]
        changed = False

        async def find(self, identity: Any) -> Any:
            return None if self.changed else await super().find(identity)

        def __getattribute__(self, name: str) -> Any:
            if name in ("take", "release"):
                self.changed = True
            return super().__getattribute__(name)

    return Away(shared)


@pytest.mark.parametrize(("act", "owner"), [("take", None), ("take", "1002"), ("release", "1002")])
async def test_a_changed_request(
    engine: AsyncEngine, shared: SharedEngine, url: str, folder: Path, act: str, owner: str | None
) -> None:
    row = {"id": uuid7(), "node": "node1", "call_id": uuid7(), "procedure": "visa", "number": "+33612345670",
           "requested": NOW, "due": NOW}  # fmt: skip
    taken = {"taken": NOW, "taken_by": owner} if owner else {}
    async with writing(engine) as connection:
        await connection.execute(insert(GuideRequest).values(row | taken))
    controller: Any = SimpleNamespace(
        guide_requests=away_after_a_change(GuideRequestRepository, shared), journal=Journal(folder, "node1")
    )
    answer = await getattr(guide_requests, act)(controller, "1002", str(row["id"]))
    (stored,) = await rows(url, GuideRequest)
    assert (answer.taken, answer.taken_by) == (stored.taken, stored.taken_by)
    (entry,) = await audited(controller.journal, folder, url)
    assert (entry.by, entry.about) == ("1002", f"guide_request:{row['id']}")


async def audited(journal: Journal, folder: Path, url: str) -> Any:
    journal.close()
    await deliver_all(folder, url)
    return await rows(url, Audit)
