"""Whoever acts, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from db.enums import AccountRole
from wire.errors import UserError


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


class NotAllowedError(UserError):
    """Somebody may not do what they ask for."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts. `id`: as in the audit; `role`: None for a user of the machine, who could write to the database
    itself; `operator`: the operator whose calls they take, if any."""

    id: str
    role: AccountRole | None
    operator: str | None = None

    def may(self, permission: Permission) -> bool:
        """Return whether they may do something."""
        if self.role is None:
            return True
        return allows(self.role, self.operator, permission)


def allows(role: AccountRole, operator: str | None, permission: Permission) -> bool:
    """Return whether an account with this role, of this operator if any, may do something."""
    if permission is Permission.TAKE_CALLS and operator is None:
        return False
    return permission in _ALLOWED[role]


def require(actor: Actor, permission: Permission) -> None:
    """Raise NotAllowedError unless the actor may do something."""
    if not actor.may(permission):
        raise NotAllowedError(f"{actor.id} may not do that: it needs the right {permission.value!r}.")
