"""Find mistakes in any dialplan: what Asterisk accepts silently, or reports only in its log."""

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from dialplan import checks
from dialplan.arguments import branches as split_branches
from dialplan.arguments import inner_step, split
from dialplan.findings import Finding
from dialplan.flow import Flow
from dialplan.lines import Source
from dialplan.names import Names
from dialplan.parse import Dialplan, Step, parse_source
from dialplan.places import Places

_PLAYED = {"playback": 0, "background": 0, "controlplayback": 0, "read": 1}  # application to the argument with sounds
_QUEUED = ("queue", "addqueuemember", "removequeuemember", "queuelog")
_DIALLED = {"dial": 0, "retrydial": 3, "page": 0, "chanisavail": 0, "originate": 0}
_DYNAMIC = re.compile(r"ODBC_\w+")  # functions that func_odbc.conf defines


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in another file that sends calls into a context."""

    file: str
    line: int
    name: str  # of an endpoint
    context: str


@dataclass(frozen=True)
class Surroundings:
    """The names that a dialplan refers to, and those that refer to it. None: not known, and not checked.

    `sounds`: file names without language and format, and with them; `endpoints`: those of PJSIP; `elsewhere`: contexts
    that are defined somewhere else.
    """

    names: Names
    sounds: Collection[str] | None = None
    queues: Collection[str] | None = None
    endpoints: Collection[str] | None = None
    elsewhere: Collection[str] = ()
    entries: Collection[Entry] = ()


def find_mistakes(source: Source, around: Surroundings) -> list[Finding]:
    """Return all findings, in the order of files and lines."""
    plan = parse_source(source)
    places = Places(plan, around.elsewhere)
    findings = [*plan.findings, *checks.includes(places), *_circles(places)]
    findings += Flow(plan, places).findings()
    findings += _hints(plan, around)
    findings += _entries(places, around.entries)
    for context, extensions in plan.contexts.items():
        findings += checks.duplicates(context, extensions)
        for name, steps in extensions.items():
            if steps and name in ("_.", "_!"):
                sentence = f"{name} also takes the special extensions i, t and h; write _X{name[1]}"
                findings.append(Finding("W_PATTERN", steps[0].line, sentence, steps[0].file))
            for step in steps:
                findings += checks.targets(places, context, name, step)
                findings += checks.brackets(step)
                findings += _step(step, around)
    order = {file: number for number, file in enumerate(source.files)}
    return sorted(
        set(findings), key=lambda item: (order.get(item.file, len(order)), item.line, item.code, item.sentence)
    )


def keep(findings: Collection[Finding], silenced: Collection[str]) -> list[Finding]:
    """Return the findings whose codes begin with none of the given prefixes."""
    return [finding for finding in findings if not finding.code.startswith(tuple(silenced))]


def _circles(places: Places) -> Iterator[Finding]:
    for include in places.plan.includes:
        if include.context in places.closure(include.other):
            sentence = f"[{include.context}] includes [{include.other}], which includes [{include.context}] again"
            yield Finding("W_CIRCLE", include.line, sentence, include.file)


def _entries(places: Places, entries: Collection[Entry]) -> Iterator[Finding]:
    known = {*places.plan.contexts, *places.elsewhere}
    for entry in entries:
        if entry.context not in known:
            sentence = f"{entry.name} sends calls to [{entry.context}], which does not exist"
            yield Finding("E_CONTEXT", entry.line, sentence, entry.file)


def _step(step: Step, around: Surroundings) -> Iterator[Finding]:
    yield from _known(step, around.names)
    kind, data = step.application.lower(), step.data
    arguments = [argument.strip() for argument in split(data)]
    if around.sounds is not None and (at := _PLAYED.get(kind, 99)) < len(arguments):
        for sound in arguments[at].split("&"):
            if sound and _is_fixed(sound) and sound.lstrip("/") not in around.sounds:
                yield Finding("E_SOUND", step.line, f"the sound {sound} exists in no language and format", step.file)
    queue = arguments[0] if kind in _QUEUED else ""
    if around.queues is not None and queue and _is_fixed(queue) and queue not in around.queues:
        yield Finding("E_QUEUE", step.line, f"queues.conf has no queue {queue}", step.file)
    if (at := _DIALLED.get(kind, 99)) < len(arguments):
        yield from _devices(arguments[at], step.line, step.file, around)
    if kind == "execif":
        for call in split_branches(data)[1:]:
            inner = inner_step(step, call)
            if inner is not None:
                yield from (found for found in _step(inner, around) if found.code != "E_FUNCTION")


def _known(step: Step, names: Names) -> Iterator[Finding]:
    name = step.application
    if name.isidentifier() and name.lower() not in names.application_keys:
        sentence = f"application {name} is unknown to Asterisk {names.version}{_guess(name, names.applications)}"
        yield Finding("E_APPLICATION", step.line, sentence, step.file)
    for function in dict.fromkeys(checks.functions(step)):
        if function not in names.functions and not _DYNAMIC.fullmatch(function):
            sentence = f"function {function} is unknown to Asterisk {names.version}{_guess(function, names.functions)}"
            yield Finding("E_FUNCTION", step.line, sentence, step.file)


@lru_cache(maxsize=10_000)
def _guess(name: str, known: frozenset[str]) -> str:
    by_key = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), by_key, 1, 0.8)
    return f"; is it {by_key[close[0]]}?" if close else ""


def _hints(plan: Dialplan, around: Surroundings) -> Iterator[Finding]:
    for hint in plan.hints:
        devices = hint.devices.split(",")[0]
        yield from _devices(devices, hint.line, hint.file, around, hint=True)


def _devices(text: str, line: int, file: str, around: Surroundings, *, hint: bool = False) -> Iterator[Finding]:
    """Find technologies and endpoints that do not exist among `PJSIP/100&PJSIP/101`."""
    for device in split(text, "&"):
        technology, slash, rest = device.strip().partition("/")
        if not slash or not _is_fixed(technology):
            continue
        # A hint may also name something else than a channel, such as Custom:lamp or Queue:sales, which have no slash.
        if not hint and technology.lower() not in around.names.technology_keys:
            sentence = f"channel technology {technology} is unknown to Asterisk {around.names.version}"
            yield Finding("E_TECHNOLOGY", line, sentence, file)
        if technology.lower() != "pjsip" or around.endpoints is None:
            continue
        name, _, uri = rest.partition("/")
        endpoint = name if uri else name.rpartition("@")[2]
        if (
            endpoint
            and _is_fixed(endpoint)
            and not endpoint.lower().startswith("sip:")
            and endpoint not in around.endpoints
        ):
            yield Finding("E_ENDPOINT", line, f"pjsip.conf has no endpoint {endpoint}", file)


def _is_fixed(text: str) -> bool:
    """Return whether a text names the same thing in every call, and a file or name of Asterisk's."""
    return "$" not in text and "://" not in text
