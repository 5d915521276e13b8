"""The office over which a command works: the database, and a journal of its own that is delivered at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cli.composition import Composition, account
from cli.output import errors
from db.engine import open_engine
from db.journal import Journal
from db.references import ReferenceAllocator
from office import delivery
from office.context import Office
from office.people import Actor

T = TypeVar("T")


def me() -> Actor:
    """Return the user of the machine, who may do everything: they could write to the database itself."""
    return Actor(account(), None)


def work(parts: Composition, act: Callable[[Office], Coroutine[Any, Any, T]]) -> T:
    """Change something in the office; return the result. Says so if the database does not have it yet.

    Not for use in a running loop. Raises NotKeptError if neither database nor journal took it.
    """
    settings, site, url = parts.settings, parts.site, parts.database_url
    references = ReferenceAllocator(settings.case_references, site.node_number, taken=1)
    journal, pepper = Journal(settings.journal, site.node, checked=False), parts.secret("pin_pepper")

    async def act_there() -> T:
        async with open_engine(url, 1) as engine:
            return await act(Office(engine, journal, site.node, references=references, pepper=pepper))

    done = asyncio.run(act_there())
    if not journal.seq:
        delivery.deliver_left(settings.journal, url)  # of earlier commands, whose database was away
        return done
    away = delivery.settle(journal, settings.journal, url)
    if away is not None:
        warning = f"hatif: it is in the journal, but not in the database yet: {away}. It will be once that is back."
        errors.print(warning, style="yellow", markup=False, soft_wrap=True)
    return done


def read(parts: Composition, act: Callable[[Office], Coroutine[Any, Any, T]]) -> T:
    """Return what the office has, once it is on record that it is read. Not for use in a running loop."""
    journal = Journal(parts.settings.journal, parts.site.node, checked=False)

    async def act_there() -> T:
        async with open_engine(parts.database_url, 1) as engine:
            return await act(Office(engine, journal, parts.site.node))

    result = asyncio.run(act_there())
    journal.close()
    if journal.seq:
        delivery.deliver_unless_served(parts.settings.journal, parts.database_url)
    return result


def deliver_left(parts: Composition) -> str | None:
    """Have the database know all that other processes have left in the journal; return why it does not, if so."""
    return delivery.deliver_left(parts.settings.journal, parts.database_url)
