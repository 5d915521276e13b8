"""The office over which a command works: the database, and a journal of its own that is delivered at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cli.composition import Composition
from cli.output import errors
from db.journal import Journal
from ivr.home.heartbeat import boot_time, last_beat
from ivr.home.settings import HEARTBEAT_S
from office import delivery
from office.context import Office

# Imports in functions: check digits and SQLAlchemy take a while to load, and `hatif --help` does not need them.

T = TypeVar("T")

_SERVES_FOR_S = 4 * HEARTBEAT_S


def work(parts: Composition, act: Callable[[Office], Coroutine[Any, Any, T]], *, opens: bool = False) -> T:
    """Change something in the office; return the result. Says so if the database does not have it yet.

    Not for use in a running loop. Raises NotKeptError if neither database nor journal took it.

    Args:
        opens: A case is opened. Beside a line that runs, the journal is enough for that.
    """
    from db.references import ReferenceAllocator

    settings, site, url = parts.settings, parts.site, parts.database_url
    references = ReferenceAllocator(settings.case_references, site.node_number, taken=1)
    journal = Journal(settings.journal, site.node, checked=False)
    office = Office(None, journal, site.node, references=references, pepper=parts.secret("pin_pepper"))
    # A controller that serves calls has compared its stock with the cases, and fills it.
    alone = opens and _is_served(parts) and bool(references.stock())
    done = asyncio.run(act(office) if alone else _with_database(office, url, act))
    if not journal.seq:
        if not alone:
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
    found = asyncio.run(_with_database(Office(None, journal, parts.site.node), parts.database_url, act))
    journal.close()
    if journal.seq:
        delivery.deliver_unless_served(parts.settings.journal, parts.database_url)
    return found


def deliver_left(parts: Composition) -> str | None:
    """Have the database know all that other processes have left in the journal; return why it does not, if so."""
    return delivery.deliver_left(parts.settings.journal, parts.database_url)


async def _with_database(office: Office, url: str, act: Callable[[Office], Coroutine[Any, Any, T]]) -> T:
    from db.engine import open_engine

    async with open_engine(url, 1) as engine:
        office.engine = engine
        return await act(office)


def _is_served(parts: Composition) -> bool:
    beat = last_beat(parts.settings.serves)
    return beat is not None and 0 <= boot_time() - beat < _SERVES_FOR_S
