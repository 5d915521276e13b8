"""Whether callers and rows came through a fault. Pure: what the callers' side knows, beside what the database says.

Instants are POSIX seconds.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from bench.floor.heard import LONG_S, Silence

SLACK_S = 3.0
"""How far an instant in the database may be from that of the telephones: whole seconds, busy machine."""

INSTANT_S = 0.1
"""A caller who hangs up this soon after they were connected may not have heard their operator."""

ENTERS = "language"
"""The first node of the example site's flow."""


class Part(StrEnum):
    """What a caller does when the fault comes."""

    TALKING = "talking"
    HELD = "held"
    CONSULTING = "consulting"
    SURVEY = "survey"
    RINGING = "ringing"
    WAITING = "waiting"
    MENU = "menu"
    GUIDE = "guide"
    DIGITS = "digits"
    MESSAGE = "message"
    NEW = "new"  # calls meanwhile


OWN_PAUSE_S = {Part.MENU: 2.0, Part.GUIDE: 2.0, Part.DIGITS: 2.0, Part.SURVEY: 2.0, Part.NEW: 2.0, Part.MESSAGE: 2.0}
"""The bench's `silence_s`: so long the line waits for a key, and the caller hears nothing."""

_QUIET = {"left_menu", "abandoned", "self_served"}
"""Outcomes of callers who talked with nobody and left nothing."""


@dataclass(slots=True)
class Talk:
    """A call that an operator answered, as their telephone knows it.

    `heard`: the caller has heard the operator; `broken`: it ended although nobody had hung up.
    """

    operator: str
    began: float
    ended: float | None = None
    heard: bool = True
    broken: bool = False


@dataclass(slots=True)
class Facts:
    """What the callers' side knows of one call."""

    number: str
    part: Part
    dialled: float
    answered: float | None = None
    ended: float | None = None
    lost: str = ""  # why the call counts as lost
    answers: list[Talk] = field(default_factory=list)  # of operators, by beginning
    spoke_s: float = 0.0  # into a message
    refused: bool = False  # the line said that it could not record the message
    survey: int | None = None
    first: str = ""  # who answered: controller, fallback
    cut: bool = False  # Asterisk was killed
    silences: list[Silence] = field(default_factory=list)

    @property
    def talks(self) -> list[Talk]:
        """The conversations: an operator whom the caller never heard was not connected."""
        return [answer for answer in self.answers if answer.heard]


@dataclass(frozen=True, slots=True)
class Row:
    """A call as the database has it. `messages`: the lengths of its readable messages, None for others."""

    id: str
    caller: str
    outcome: str | None
    path: Sequence[str]
    operator: str | None
    started: float
    answered: float | None
    queued: float | None
    connected: float | None
    ended: float | None
    live: bool = True
    messages: Sequence[float | None] = ()
    surveys: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Spell:
    """The time of a fault. `over`: when all was well again, or the bench gave up waiting for that."""

    began: float
    over: float

    def touches(self, call: Facts) -> bool:
        """Return whether the call was up, or began, during the fault."""
        return call.dialled <= self.over and (call.ended is None or call.ended >= self.began)


@dataclass(slots=True)
class Verdict:
    """What became of the calls. Lists are sentences, each about one call."""

    calls: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    silence_s: dict[str, float] = field(default_factory=dict)  # the longest, by part
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    messages_left: int = 0
    messages_kept: int = 0
    unkept: list[str] = field(default_factory=list)  # messages that were left and not kept
    refused: list[str] = field(default_factory=list)  # messages that could not be recorded, as their callers heard
    served_s: float | None = 0.0  # until new callers were served by the controller; None: never


def judge(calls: Collection[Facts], rows: Iterable[Row], spell: Spell) -> Verdict:
    """Compare the calls with their rows."""
    by_caller: dict[str, list[Row]] = {}
    for row in rows:
        by_caller.setdefault(row.caller, []).append(row)
    verdict = Verdict()
    for call in calls:
        verdict.calls[call.part] = verdict.calls.get(call.part, 0) + 1
        if call.lost:
            verdict.lost.append(f"{_name(call)}: {call.lost}")
        verdict.broken += [
            f"{_name(call)}: {talk.operator} lost the call after {(talk.ended or talk.began) - talk.began:.0f} s"
            for talk in call.talks
            if talk.broken
        ]
        longest = max((item.length_s for item in call.silences if _overlaps(item, spell)), default=0.0)
        verdict.silence_s[call.part] = max(verdict.silence_s.get(call.part, 0.0), round(longest, 2))
        mine = by_caller.get(call.number, [])
        if len(mine) > 1:
            verdict.doubled.append(f"{_name(call)}: {len(mine)} rows")
        elif not mine and call.answered is not None:
            verdict.missing.append(_name(call))
        verdict.wrong += [f"{_name(call)}: {what}" for row in mine[:1] for what in find_mistakes(call, row, spell)]
        if call.refused:
            verdict.refused.append(_name(call))
        elif call.spoke_s >= LONG_S:
            verdict.messages_left += 1
            kept = any(length is not None and length >= 1.0 for row in mine for length in row.messages)
            verdict.messages_kept += kept
            if not kept:
                rows_are = ", ".join(f"{row.id} {row.outcome} {list(row.messages)}" for row in mine) or "no row"
                verdict.unkept.append(f"{_name(call)}: spoke for {call.spoke_s:.1f} s, {rows_are}")
    verdict.served_s = served_after_s(calls, spell.began)
    return verdict


def find_mistakes(call: Facts, row: Row, spell: Spell) -> list[str]:
    """Return what the row says and the callers' side knows better."""
    return [*_outcome(call, row, spell), *_path(call, row, spell), *_times(call, row, spell), *_left(call, row)]


def served_after_s(calls: Iterable[Facts], began: float) -> float | None:
    """Return the time from the fault until new callers were served by the controller at once, and stayed so.

    None: the last of them were not. 0: all of them were.
    """
    new = sorted((call for call in calls if call.part is Part.NEW and call.dialled >= began), key=lambda c: c.dialled)
    failed = [place for place, call in enumerate(new) if not _is_served(call)]
    if not failed:
        return 0.0
    if failed[-1] == len(new) - 1:
        return None
    first = new[failed[-1] + 1]
    return round((first.answered or first.dialled) - began, 1)


def misses(
    verdict: Verdict,
    *,
    silence_s: float | None,
    loses: bool = False,
    damages: bool = False,
    refuses: bool = False,
) -> list[str]:
    """Return what is wanted and was missed.

    Args:
        silence_s: The longest silence that is allowed beyond the site's own pauses; None: any.
        loses: Whether calls must be lost, as when Asterisk is killed: nobody can keep them.
        damages: Whether records must be lost, since the journal itself was damaged.
        refuses: Whether nothing can be recorded, since no file can be written.
    """
    found = []
    if not loses:
        found += [f"{len(verdict.lost)} calls lost"] if verdict.lost else []
        found += [f"{len(verdict.broken)} conversations broken"] if verdict.broken else []
    if silence_s is not None:
        found += [
            f"{longest:.1f} s of silence while {part}"
            for part, longest in verdict.silence_s.items()
            if longest > silence_s + OWN_PAUSE_S.get(Part(part), 0.0)
        ]
    found += [
        f"{len(what)} rows {name}"
        for name, what in (("missing", verdict.missing), ("doubled", verdict.doubled), ("wrong", verdict.wrong))
        if what and not damages
    ]
    if verdict.messages_kept < verdict.messages_left:
        found.append(f"{verdict.messages_left - verdict.messages_kept} messages lost")
    if verdict.refused and not refuses:
        found.append(f"{len(verdict.refused)} messages could not be recorded")
    if verdict.served_s is None:
        found.append("new callers were not served again")
    return found


def _name(call: Facts) -> str:
    return f"{call.number} ({call.part})"


def _overlaps(silence: Silence, spell: Spell) -> bool:
    began = silence.began / 1e9
    return began <= spell.over and began + silence.length_s >= spell.began


def _is_served(call: Facts) -> bool:
    return call.first == "controller" and call.answered is not None and call.answered - call.dialled <= LONG_S


def _outcome(call: Facts, row: Row, spell: Spell) -> list[str]:
    if row.outcome is None or row.ended is None:
        return [f"it has no end (outcome {row.outcome})"]
    if not row.live:
        return ["it counts as a test"]
    by_fallback = spell.touches(call)
    if call.talks:
        first = call.talks[0]
        may = {"answered"} | ({"fallback"} if by_fallback and first.began >= spell.began else set())
        if by_fallback and row.messages:  # kept before an operator of the fallback's queue answered
            may.add("message")
        found = [] if row.operator == first.operator else [f"operator {row.operator}, and {first.operator} answered"]
    elif call.spoke_s >= LONG_S and row.messages:
        may, found = {"message"}, []
    else:
        may, found = _QUIET | ({"fallback"} if by_fallback else set()), []
        if call.spoke_s:
            may.add("message")
        if _for_an_instant(call, row):
            may.add("answered")
        elif row.operator is not None:
            found.append(f"operator {row.operator}, and nobody answered")
    if row.outcome not in may:
        found.append(f"outcome {row.outcome}, and it was {' or '.join(sorted(may))}")
    return found


def _for_an_instant(call: Facts, row: Row) -> bool:
    """Return whether the operator answered, and was connected as the caller hung up."""
    answered = row.operator in {answer.operator for answer in call.answers}
    return answered and row.connected is not None and (row.ended or 0.0) - row.connected <= INSTANT_S


def _path(call: Facts, row: Row, spell: Spell) -> list[str]:
    was_with_controller = call.first == "controller" or (call.answered or spell.over) < spell.began - 1
    if row.outcome != "fallback" or was_with_controller:
        return [] if row.path and row.path[0] == ENTERS else [f"path {list(row.path)}"]
    return []


def _times(call: Facts, row: Row, spell: Spell) -> list[str]:
    found = []
    order: Mapping[str, float | None] = {
        "started": row.started,
        "line_answered": row.answered,
        "queued": row.queued,
        "connected": row.connected,
        "ended": row.ended,
    }
    known = [(name, at) for name, at in order.items() if at is not None]
    for (earlier, first), (later, then) in pairwise(known):
        if then < first - 1.0:  # whole seconds in the fallback
            found.append(f"{later} {first - then:.0f} s before {earlier}")
    if not call.dialled - SLACK_S <= row.started <= (call.answered or row.started) + SLACK_S:
        found.append(f"started {row.started - call.dialled:+.1f} s from the call")
    if call.answered is not None and row.answered is None:
        found.append("line_answered is missing")
    if call.talks:
        if row.connected is None:
            found.append("connected is missing")
        elif (
            abs(row.connected - call.talks[0].began) > SLACK_S and not spell.began <= call.talks[0].began <= spell.over
        ):
            found.append(f"connected {row.connected - call.talks[0].began:+.1f} s from the conversation")
        if row.queued is None:
            found.append("queued is missing")
    if call.ended is not None and row.ended is not None:
        # An end during the fault is known only roughly to whoever comes back.
        first = min(call.ended, spell.began) if spell.began <= call.ended <= spell.over else call.ended
        last = max(call.ended, spell.over) if spell.began <= call.ended <= spell.over else call.ended
        if not first - SLACK_S <= row.ended <= last + SLACK_S:
            found.append(f"ended {row.ended - call.ended:+.1f} s from the hang-up")
    return found


def _left(call: Facts, row: Row) -> list[str]:
    found = []
    if len(row.messages) > 1:
        found.append(f"{len(row.messages)} messages")
    if any(answer != call.survey for answer in row.surveys):  # a key of the gap is lost
        found.append(f"survey {list(row.surveys)}, and {call.survey or 'nothing'} was pressed")
    return found
