"""A FastAGI request, as Asterisk sends it at the beginning of a connection."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_BYTES = 8_192
_MOST_ARGUMENTS = 12
_LONGEST = 200  # characters of a value that we look at


class RequestError(Exception):
    """The client sent something that is not a request; the message says why."""


_RESTRICTED, _PRESENTATION = 0x20, 0x60
"""Of `agi_callingpres` (Q.931): the caller does not want their number to be shown."""


@dataclass(frozen=True, slots=True)
class Request:
    """`service` is the path of `agi://host/path`; `extension` was dialled; `arguments` are those of AGI().

    `caller`: the caller's number as the network wrote it; empty if it is withheld. `dnid`: the number that the call was
    for when it came. `channel`: the call's unique id.
    """

    service: str
    extension: str = ""
    arguments: tuple[str, ...] = ()
    caller: str = ""
    dnid: str = ""
    channel: str = ""

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
        caller="" if _is_withheld(values) else values.get("agi_callerid", ""),
        dnid=values.get("agi_dnid", ""),
        channel=values.get("agi_uniqueid", ""),
    )


def _is_withheld(values: Mapping[str, str]) -> bool:
    presentation = values.get("agi_callingpres", "")
    restricted = presentation.isdecimal() and int(presentation) & _PRESENTATION == _RESTRICTED
    return restricted or values.get("agi_callerid") == "unknown"  # that is Asterisk's word for no number


def commands(variables: Mapping[str, str]) -> list[bytes]:
    """Return the commands that set variables on the call; a value keeps only what needs no quoting."""
    lines = []
    for name, value in variables.items():
        plain = "".join(character for character in value if character.isascii() and character not in '"\\\r\n')
        lines.append(f'SET VARIABLE {name} "{plain}"\n'.encode("ascii"))
    return lines


def value_of(reply: bytes) -> str:
    """Return the value in the answer to GET VARIABLE; empty if the call has no such variable."""
    _, opening, rest = reply.decode("utf-8", errors="replace").rstrip("\n").partition(" (")
    return rest.removesuffix(")")[:_LONGEST] if opening else ""
