"""Amendments that somebody has proposed."""

from collections.abc import Mapping

from line import Line

from db.amendment_data import Amendment
from db.engine import open_engine
from db.enums import AccountRole
from office import amendments
from office.context import Office
from office.people import Actor


async def propose_in_office(
    line: Line, by: str, procedure: str, texts: Mapping[str, Mapping[str, str]], why: str
) -> Amendment:
    """Propose new texts, as the desk does."""
    nothing = {text: dict.fromkeys(written, "") for text, written in texts.items()}
    async with open_engine(line.database) as engine:
        office = Office(engine, None, line.settings.node)
        return await amendments.propose(
            office, Actor(by, AccountRole.SUPERVISOR, by), procedure, texts, nothing, why=why
        )
