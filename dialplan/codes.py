"""Feature codes, as the dialplan knows them: what is dialled, and which extensions that makes."""

from dataclasses import dataclass

ARGUMENT_DIGITS = 16
"""So many digits may follow a code that takes any; more are no code at all."""


@dataclass(frozen=True)
class Code:
    """`name` is what the controller knows it by, `digits` what is dialled; `argument`: whether digits may follow."""

    name: str
    digits: str
    argument: bool = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """The extensions of the dialplan that are this code."""
        more = tuple(f"_{self.digits}{'X' * count}" for count in range(1, ARGUMENT_DIGITS + 1)) if self.argument else ()
        return (self.digits, *more)
