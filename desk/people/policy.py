"""What a person may do. Every route names a permission, and a test tries each route with every role."""

from desk.people.accounts import Person
from office.people import Permission, allows

__all__ = ["Permission", "may"]


def may(person: Person, permission: Permission) -> bool:
    """Return whether a person may do something."""
    return allows(person.role, person.operator, permission)
