"""Inserting new cases, without ever overwriting another case with the same reference.

A record that opens a case has all required columns; a record that changes one does not. The same case may be opened
twice, for example by a controller that was killed: both records then have the same call or, without a call, the same
instant.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, func
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import insert_of
from db.tables import CaseFile

TABLE = "case_file"


class OtherCaseError(ValueError):
    """The reference belongs to another case."""

    def __init__(self, reference: object) -> None:
        super().__init__(
            f"case {reference} already exists and is another case; it was not changed: open this one under a new "
            "reference (`hatif case open`) and tell its caller"
        )


def check_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Raise OtherCaseError if two records that open a case with the same reference are about different cases."""
    call = one.get("call_id")
    if call != other.get("call_id") or (call is None and one["opened"] != other["opened"]):
        raise OtherCaseError(one["reference"])


async def open_case(connection: AsyncConnection, columns: Mapping[str, Any], changes: list[str]) -> None:
    """Insert a case, or update the columns `changes` if it exists. Raises OtherCaseError if another case has the
    reference."""
    insert = insert_of(connection.dialect.name)(CaseFile)
    new = insert.excluded
    same = and_(
        CaseFile.call_id.is_not_distinct_from(new.call_id),
        func.coalesce(CaseFile.call_id == new.call_id, CaseFile.opened == new.opened),
    )
    # Even if there is nothing to change, the statement must show whether the row belongs to this case.
    assigned = {name: new[name] for name in changes} or {"reference": new["reference"]}
    statement = insert.values(**columns).on_conflict_do_update(index_elements=["reference"], set_=assigned, where=same)
    if (await connection.scalar(statement.returning(CaseFile.reference))) is None:
        raise OtherCaseError(columns["reference"])
