"""Feature codes in the dialplan: the dialled digits and their extensions."""

from dataclasses import dataclass

ARGUMENT_DIGITS = 16
"""Maximum number of digits after a code with an argument; with more it is not a code."""


@dataclass(frozen=True)
class Code:
    """A feature code: the controller's `name` for it, the dialled `digits`, and whether an `argument` may follow."""

    name: str
    digits: str
    argument: bool = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """The dialplan's extensions for this code."""
        more = tuple(f"_{self.digits}{'X' * count}" for count in range(1, ARGUMENT_DIGITS + 1)) if self.argument else ()
        return (self.digits, *more)
