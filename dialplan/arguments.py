"""The arguments of an application, and where a step may lead."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dialplan.parse import Step

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_HANDLER = re.compile(r"CHANNEL\(hangup_handler_(?:push|wipe)\)=(.+)", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(r"([A-Za-z])\(([^()]*(?:\([^()]*\)[^()]*)?)\)")


def split(data: str, separator: str = ",", most: int = -1) -> list[str]:
    """Split at a separator that is not within brackets or quotation marks, at most `most` times."""
    parts: list[str] = []
    closing: list[str] = []
    start = at = 0
    quoted = False
    while at < len(data) and most != len(parts):
        character = data[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in _PAIRS:
            closing.append(_PAIRS[character])
        elif not quoted and closing and character == closing[-1]:
            closing.pop()
        elif character == separator and not closing and not quoted:
            parts.append(data[start:at])
            start = at + 1
        at += 1
    return [*parts, data[start:]]


@dataclass(frozen=True, slots=True)
class Jump:
    """Where a step may lead. None: the step's own context or extension.

    `returns`: a subroutine, after which the next step follows. `arguments`: of the subroutine.
    """

    context: str | None
    extension: str | None
    priority: str
    returns: bool = False
    arguments: tuple[str, ...] = ()


def jumps(step: Step) -> Iterator[Jump]:
    """Yield where a step may lead, besides the next step."""
    kind, data = step.application.lower(), step.data
    if kind == "goto":
        yield _target(data)
    elif kind == "gosub":
        yield _target(data, returns=True)
    elif kind in ("gotoif", "gosubif", "gotoiftime"):
        for target in branches(data)[1:]:
            if target.strip():
                yield _target(target, returns=kind == "gosubif")
    elif kind in ("execif", "execiftime"):
        for call in branches(data)[1:]:
            inner = inner_step(step, call)
            if inner is not None:
                yield from jumps(inner)
    elif kind == "set" and (match := _HANDLER.fullmatch(data)):
        yield _target(match[1], returns=True)
    elif kind == "dial":
        yield from _dial(split(data))
    elif kind in ("channelredirect", "originate"):  # where another channel goes
        parts = [part.strip() for part in split(data)]
        place = parts[1:4] if kind == "channelredirect" else parts[2:5] if parts[1:2] == ["exten"] else []
        if len(place) == 3:
            yield Jump(place[0], place[1], place[2], returns=True)


def branches(data: str) -> list[str]:
    """Return condition, then and else of `condition?then:else`; missing ones are empty."""
    condition, *rest = split(data, "?", 1)
    return [condition, *[*split(rest[0], ":", 1), ""][:2]] if rest else [condition, "", ""]


def inner_step(step: Step, call: str) -> Step | None:
    """Return the step that ExecIf makes of `Application(data)`.

    None for nothing, a name that is a variable, or another ExecIf.
    """
    name, _, data = call.strip().partition("(")
    if not name.strip() or "$" in name or name.strip().lower().startswith("execif"):
        return None
    return Step(step.line, step.priority, step.label, name.strip(), data.removesuffix(")"), step.file)


def _target(text: str, *, returns: bool = False) -> Jump:
    parts = [part.strip() for part in split(text)]
    *place, last = parts[:3]
    priority, _, arguments = (last, "", "") if last.startswith("$") else last.partition("(")
    return Jump(
        place[-2] if len(place) > 1 else None,
        place[-1] if place else None,
        priority.strip(),
        returns,
        tuple(split(arguments.removesuffix(")"))) if arguments else (),
    )


def _dial(arguments: list[str]) -> Iterator[Jump]:
    """Yield the subroutines among Dial's options."""
    options = arguments[2] if len(arguments) > 2 else ""
    for letter, value in _OPTION.findall(options):
        parts = [part.strip() for part in value.split("(")[0].split("^")]
        if letter == "U" and parts[0]:
            yield Jump(parts[0], "s", "1", returns=True)
        elif letter in "bB" and parts[0]:
            place = parts[-3:]
            yield Jump(
                place[-3] if len(place) > 2 else None, place[-2] if len(place) > 1 else None, place[-1], returns=True
            )
