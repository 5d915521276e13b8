"""New cases into the table: a case never takes the place of another one that has its reference.

A record that opens a case is whole (it has all that a new row needs); changes are not. The same case may be opened
twice, such as by a controller that was killed: it then has the same call, or the same instant where it has no call.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from db.tables import CaseFile

TABLE = "case_file"


class OtherCaseError(ValueError):
    """The reference belongs to another case."""

    def __init__(self, reference: object) -> None:
        super().__init__(
            f"case {reference} is another case, which was opened before: nothing of it was changed; open this one "
            "under a new reference (`hatif case open`) and tell its caller"
        )


def check_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Check that two records that open a case under one reference mean the same case. Raises OtherCaseError."""
    call = one.get("call_id")
    if call != other.get("call_id") or (call is None and one["opened"] != other["opened"]):
        raise OtherCaseError(one["reference"])


async def open_case(connection: AsyncConnection, columns: Mapping[str, Any], changes: list[str]) -> None:
    """Insert a case, or update its `changes` if it is there. OtherCaseError if another case has the reference."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(CaseFile)
    new = insert.excluded
    same = and_(
        CaseFile.call_id.is_not_distinct_from(new.call_id),
        func.coalesce(CaseFile.call_id == new.call_id, CaseFile.opened == new.opened),
    )
    # Where nothing is to be changed, the statement still has to say whether the row is this case's.
    assigned = {name: new[name] for name in changes} or {"reference": new["reference"]}
    statement = insert.values(**columns).on_conflict_do_update(index_elements=["reference"], set_=assigned, where=same)
    if (await connection.scalar(statement.returning(CaseFile.reference))) is None:
        raise OtherCaseError(columns["reference"])
