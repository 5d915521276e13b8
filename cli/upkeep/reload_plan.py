"""The changes that a reload would make, and how: pure, from the values that run and those on the disk."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from asterisk_conf import pjsip
from ivr.site.flat import is_taken

_ENTITIES = ("operator", "carrier", "number")
"""Things that an administrator adds and removes: reported by name when new or gone, not value by value."""

_WHOLE = {
    "node": "it is in every record, and in Asterisk's own files",
    "node_number": "it is in case references",
    "database.url": "all processes use it",
    "desk.enabled": "`hatif up` knows from its start which processes there are",
    "speech.menus": "`hatif up` knows from its start which processes there are",
    "monitoring.enabled": "`hatif up` knows from its start which processes there are",
    "speech.messages": "`hatif up` knows from its start which processes there are",
}
"""Values for which all processes are restarted together, with the reason. Until then none is restarted alone: it would
have another node or database than the others."""

_READERS = {
    "guard": ("carrier.", "limits.", "sip_bind"),
    "journal": ("call_records.queue_log",),
    "desk": ("desk.", "languages", "hours.timezone", "name"),
    "gate": ("desk.",),
    "transcriber": ("languages",),
    "hear": ("speech.", "languages"),
}
"""Which values the other processes read at their start. The controller reads all of them."""

_UNREAD = ("monitoring.",)
"""Values that only a restart of the process brings: its address."""

_RELOADED = {
    "pjsip.conf": "res_pjsip.so",
    "sip.pem": "res_pjsip.so",
    "sip.key": "res_pjsip.so",
    "queues.conf": "app_queue.so",
    "extensions.conf": "pbx_config",
}
"""Asterisk's files that a module reads again; for any other, Asterisk is restarted."""

_FIXED_SECTIONS = frozenset({"transport", "system", "global"})
"""The types of sections of pjsip.conf that Asterisk reads at its start only."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a reload.

    Attributes:
        changes: A sentence for each difference.
        modules: Asterisk's modules that read their files again.
        processes: Those that are restarted, which cuts no call off.
        taken: Whether the running controller has values to take.
        later: What needs more than that, with the reason: `asterisk` or `all`.
    """

    changes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    taken: bool = False
    later: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.changes or self.modules or self.processes or self.taken or self.later)


def make_plan(
    before: Mapping[str, str], after: Mapping[str, str], files: Mapping[str, tuple[str, str]], running: Iterable[str]
) -> Plan:
    """Return what a reload does.

    Args:
        before: The values that the controller runs with (`ivr.site.flat`).
        after: Those on the disk.
        files: Asterisk's files that differ, by name: the text that it has, and the new one.
        running: The processes that run.
    """
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    fixed = [name for name in files if name not in _RELOADED]
    if "pjsip.conf" in files and _fixed(files["pjsip.conf"][0]) != _fixed(files["pjsip.conf"][1]):
        fixed.append("pjsip.conf (its transports or global settings)")
    later = {}
    if fixed:
        later["asterisk"] = f"Asterisk reads {', '.join(fixed)} at its start only"
    whole = [f"{path}: {why}" for path, why in _WHOLE.items() if path in paths]
    if whole:
        later["all"] = "; ".join(whole)
    taken = {path for path in paths if is_taken(path)}
    read = [path for path in paths if path not in (*_WHOLE, *taken) and not path.startswith(_UNREAD)]
    wanted = [name for name, prefixes in _READERS.items() if any(path.startswith(prefixes) for path in read)]
    if any(path.startswith(_UNREAD) for path in paths):
        wanted.append("monitor")
    there = set[str]() if whole else set(running)
    return Plan(
        changes=tuple(_describe(before, after, paths)),
        modules=tuple(dict.fromkeys(module for name, module in _RELOADED.items() if name in files)),
        processes=tuple(name for name in (*(("ivr",) if read else ()), *wanted) if name in there),
        taken=bool(taken) and not read,
        later=later,
    )


def _fixed(text: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return the sections of pjsip.conf that a reload does not change."""
    fixed = (section for section in pjsip.sections(text) if section.get("type") in _FIXED_SECTIONS)
    return [(section.name, tuple(section.options)) for section in fixed]


def _describe(before: Mapping[str, str], after: Mapping[str, str], paths: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each operator, carrier and number that comes, goes or changes, and for each other value."""
    told: set[tuple[str, str]] = set()
    for path in paths:
        kind, _, rest = path.partition(".")
        if kind not in _ENTITIES:
            yield f"{path}: {_shown(before.get(path))} → {_shown(after.get(path))}"
            continue
        name = rest.rpartition(".")[0]
        if (kind, name) in told:
            continue
        told.add((kind, name))
        own = f"{kind}.{name}."
        old, new = _values(before, own), _values(after, own)
        if not old or not new:
            label = json.loads((old or new).get("name", '""')) if kind == "operator" else ""
            yield f"{kind} {name}{f' ({label})' if label else ''}: {'removed' if old else 'added'}"
        else:
            what = (
                f"{key} {_shown(old.get(key))} → {_shown(new.get(key))}"
                for key in sorted(old.keys() | new.keys())
                if old.get(key) != new.get(key)
            )
            yield f"{kind} {name}: {'; '.join(what)}"


def _values(values: Mapping[str, str], own: str) -> dict[str, str]:
    return {path.removeprefix(own): value for path, value in values.items() if path.startswith(own)}


def _shown(value: str | None) -> str:
    """Return a value as people write it."""
    if value is None or value == "null":
        return "none"
    parsed = json.loads(value)
    return ", ".join(map(str, parsed)) or "none" if isinstance(parsed, list) else str(parsed)
