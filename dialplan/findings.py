"""Findings about a dialplan, and the error of one that cannot be used."""

from dataclasses import dataclass

from wire.errors import UserError


class DialplanError(UserError):
    """A dialplan was refused; the message gives the reason, and which dialplan Asterisk has now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a dialplan. Codes that begin with `E_` prevent it from being loaded, those with `W_` do not."""

    code: str
    line: int  # of the file, from 1
    sentence: str
    file: str = ""  # as it was named or included; empty for a text without files

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E_")

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}: {self.sentence}"
