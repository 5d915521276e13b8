"""Permissions by role. Every route names one, and a test tries each route with every role."""

from enum import StrEnum

from db.enums import AccountRole
from desk.people.accounts import Person


class Permission(StrEnum):
    """Something that people may or may not do."""

    SIGNED_IN = "signed_in"
    """Open to everybody who has signed in."""
    TRY_LINE = "try_line"
    """Call the site's numbers from the page, as a test."""
    TAKE_CALLS = "take_calls"
    """An operator's own work; the account must be an operator's."""
    SUPERVISE = "supervise"
    ADMINISTER = "administer"


_VISITOR = frozenset({Permission.SIGNED_IN, Permission.TRY_LINE})
_OPERATOR = _VISITOR | {Permission.TAKE_CALLS}

_ALLOWED = {
    AccountRole.VISITOR: _VISITOR,
    AccountRole.OPERATOR: _OPERATOR,
    AccountRole.SUPERVISOR: _OPERATOR | {Permission.SUPERVISE},
    AccountRole.ADMINISTRATOR: _OPERATOR | {Permission.SUPERVISE, Permission.ADMINISTER},
}


def may(person: Person, permission: Permission) -> bool:
    """Return whether a person may do something."""
    if permission is Permission.TAKE_CALLS and person.operator is None:
        return False
    return permission in _ALLOWED[person.role]
