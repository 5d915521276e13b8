"""How a conversation ended, as its operator says in the wrap-up."""

from sqlalchemy import select, update

from db.engine import writing
from db.enums import Role
from db.tables import Call, Pairing
from office.context import Office


async def note_ending(office: Office, operator: str, ending: str) -> bool:
    """Keep how an operator's last conversation ended; a later one replaces it. Return False if there is none yet.

    Args:
        ending: One of the site's.

    Raises:
        DatabaseError: The database is away.
    """
    whose = (Pairing.operator_id == operator, Pairing.role == Role.OPERATOR.value)
    last = select(Pairing.call_id).where(*whose).order_by(Pairing.began.desc()).limit(1).scalar_subquery()
    async with writing(office.engine) as connection:
        noted = await connection.execute(update(Call).where(Call.id == last).values(ending=ending))
        return noted.rowcount == 1
