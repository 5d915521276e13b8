"""Every figure and grouping of reports is what the code of commit 16b26784 gave on the same year, on both databases.

That code counted what the database had packed into columns and kept days, and shares no query with today's.
"""

import pytest
from full_year import FullYear, document, expected, wanted
from sqlalchemy.ext.asyncio import AsyncEngine

from reports import reading

pytest_plugins = ["db_fixtures"]


async def test_every_figure_and_grouping_of_a_year_is_what_it_was(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await FullYear().store(engine)
    documents = expected()
    assert documents.keys() == wanted().keys()
    for name, request in wanted().items():
        assert await document(engine, request) == documents[name], name
    monkeypatch.setattr(reading, "_AT_ONCE", 40)  # as a busy site's year, which is read in parts
    for name in ("year by day", "year by operator", "year by language"):
        assert await document(engine, wanted()[name]) == documents[name], f"{name}, in parts"


def test_the_year_has_something_of_every_figure() -> None:
    totals = [document["total"] for document in expected().values()]
    assert {figure for total in totals for figure in total if not any(other.get(figure) for other in totals)} == set()
