"""A FastAGI request, as Asterisk sends it at the beginning of a connection."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_BYTES = 8_192
_MOST_ARGUMENTS = 8
_LONGEST = 200  # characters of a value that we look at


class RequestError(Exception):
    """What was sent is not a request; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """`service` is the path of `agi://host/path`; `extension` was dialled; `arguments` are those of AGI()."""

    service: str
    extension: str = ""
    arguments: tuple[str, ...] = ()

    def argument(self, number: int, default: str = "") -> str:
        """Return an argument, counted from 1; `default` if it is missing or empty."""
        return (self.arguments[number - 1] if number <= len(self.arguments) else "") or default


def parse(header: bytes) -> Request:
    """Parse the lines up to the empty one.

    Raises:
        RequestError: They are not those of AGI.
    """
    values: dict[str, str] = {}
    for line in header.decode("utf-8", errors="replace").strip("\n").split("\n"):
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise RequestError("a line is not `agi_name: value`")
        values[name] = value.strip()[:_LONGEST]
    if values.get("agi_network") != "yes":
        raise RequestError("it is not a request over the network")
    return Request(
        service=values.get("agi_network_script", "").partition("?")[0].strip("/"),
        extension=values.get("agi_extension", ""),
        arguments=tuple(values.get(f"agi_arg_{number}", "") for number in range(1, _MOST_ARGUMENTS + 1)),
    )


def commands(variables: Mapping[str, str]) -> list[bytes]:
    """Return the commands that set variables on the call; a value keeps only what needs no quoting."""
    lines = []
    for name, value in variables.items():
        plain = "".join(character for character in value if character.isascii() and character not in '"\\\r\n')
        lines.append(f'SET VARIABLE {name} "{plain}"\n'.encode("ascii"))
    return lines
