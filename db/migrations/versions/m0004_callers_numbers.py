"""Callers' numbers as E.164: convert other notations of carriers where that is certain, and keep the original."""

from collections.abc import Sequence
from typing import Any, Literal

import phonenumbers
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_WITHHELD = "withheld"
"""Stands in `caller` for all who withhold their number: the lock of their PINs."""


def _table(name: str, *texts: str, others: Sequence[str] = ()) -> sa.TableClause:
    """Columns that are not texts have no type, so that their values go back as they came."""
    return sa.table(name, *(sa.column(text, sa.Text()) for text in texts), *map(sa.column, others))


_CALL = _table("call", "caller", "caller_raw", "country", others=("id",))
_OTHERS = tuple(_table(name, "caller", others=("call_id",)) for name in ("case_file", "message"))
_SAID = ("language", "last_call_id", "last_called", "pin_failures", "pin_locked_until")
_MEMORY = _table("caller", "number", others=_SAID)


def _anew() -> Literal["always", "auto"]:  # as in 0002
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _outcome() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint(
            "outcome IN ('answered', 'abandoned', 'left_menu', 'self_served', 'message', 'callback', 'closed', "
            "'fallback', 'failed')",
            name=op.f("ck_call_outcome"),
        ),
    )


def upgrade() -> None:
    with op.batch_alter_table("call", recreate=_anew(), table_args=_outcome()) as call:
        call.add_column(sa.Column("caller_raw", sa.Text(), nullable=True))
    connection = op.get_bind()
    # Memory first: the country of a national number is that of the call in which it was last used.
    _memory(connection)
    found = connection.execute(
        sa.select(_CALL.c.caller, _CALL.c.country)
        .where(_CALL.c.caller.is_not(None), ~_CALL.c.caller.like("+%"))
        .distinct()
    ).all()
    for written, country in found:
        number = _e164(written, country)
        mine = (_CALL.c.caller == written) & (_CALL.c.country.is_not_distinct_from(country))
        for other in _OTHERS if number is not None else ():
            calls = sa.select(_CALL.c.id).where(mine)
            connection.execute(
                other.update().where(other.c.caller == written, other.c.call_id.in_(calls)).values(caller=number)
            )
        connection.execute(_CALL.update().where(mine).values(caller=number, caller_raw=written))
    connection.execute(
        _CALL.update()
        .where(_CALL.c.caller.is_not(None), _CALL.c.caller_raw.is_(None))
        .values(caller_raw=_CALL.c.caller)
    )


def _memory(connection: sa.Connection) -> None:
    """Move the memory of a number in another notation to the number itself. Delete the memory of anything that is not a
    number: nobody could find it again, or erase it."""
    written = connection.execute(
        sa.select(_MEMORY, _CALL.c.country)
        .outerjoin(_CALL, _CALL.c.id == _MEMORY.c.last_call_id)
        .where(~_MEMORY.c.number.like("+%"), _MEMORY.c.number != _WITHHELD)
    ).all()
    for row in written:
        connection.execute(_MEMORY.delete().where(_MEMORY.c.number == row.number))
        number = _e164(row.number, row.country)
        if number is None:
            continue
        found = {name: getattr(row, name) for name in _SAID}
        known = connection.execute(sa.select(_MEMORY).where(_MEMORY.c.number == number)).one_or_none()
        if known is None:
            connection.execute(_MEMORY.insert().values(number=number, **found))
            continue
        if _least_first(known.last_called) >= _least_first(row.last_called):
            found |= {name: getattr(known, name) for name in ("language", "last_call_id", "last_called")}
        found["pin_failures"] = max(known.pin_failures, row.pin_failures)
        found["pin_locked_until"] = max(known.pin_locked_until, row.pin_locked_until, key=_least_first)
        connection.execute(_MEMORY.update().where(_MEMORY.c.number == number).values(**found))


def _least_first(instant: Any) -> tuple[bool, Any]:
    return (False, 0) if instant is None else (True, instant)


def _e164(written: str, country: str | None) -> str | None:
    """A number that can be read in one way only: 0033… or 33…, or as a national one of the country that was called."""
    digits = written.removeprefix("00")
    readings: list[tuple[str, str | None]] = [(f"+{digits}", None)]
    if country is not None and digits == written:
        readings.append((written, country))
    found = set()
    for text, region in readings:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            found.add(str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)))
    return found.pop() if len(found) == 1 else None


def downgrade() -> None:
    with op.batch_alter_table("call", table_args=_outcome()) as call:
        call.drop_column("caller_raw")
