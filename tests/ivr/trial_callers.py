"""Random callers: what they press and when, who answers them, and what is out of order meanwhile."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import cycle

from trial_stage import (
    HOLIDAY,
    JUST_OPEN,
    NIGHT,
    OPEN,
    OTHER_REFERENCE,
    PIN,
    REFERENCE,
    Cabinet,
    OneFile,
    openings,
    stage,
)

from db.enums import CaseState
from ivr.trial.asterisk import Asterisk, Caller, Station
from ivr.trial.caller import PATIENCE_S, ScriptedCaller
from ivr.trial.operators import OperatorScript
from ivr.trial.trial import Scenario, TrialResult, trial

Act = tuple[float, str]
"""Seconds after the one before, and a key, or `h` to hang up. A caller who knows the menus has their own pace."""

_NUMBERS = {
    "+31612345678": "NL", "+33612345678": "FR", "+32470123456": "BE", "+4915112345678": "DE", "+34612345678": "ES",
    "+393123456789": "IT", "+447400123456": "GB", "+212612345678": "MA", "+12025550123": "US", "+33": "nobody's",
    "": "hidden",
}  # fmt: skip
_PACES_S = ((0.0,), (0.6,), (0.0, 0.0, 0.6), (0.0, 0.0, 0.01, 0.2, 0.6, 2.0, 4.9, 5.1, 9.0, 16.0, 40.0))
_SPEAKS_S = (0.0, 0.4, 5.0, 5.0, 20.0, 400.0)

_FILE, _WRONG, _DIALS = f"{REFERENCE}{PIN}", f"{REFERENCE}999999", "0033612345678#"
_OPEN_WAYS = (
    f"1{_FILE}1", f"1{_FILE}0", f"1{_FILE}2{_WRONG}", f"1{_FILE}-", f"1{3 * _WRONG}*1{_FILE}",
    f"1{3 * _WRONG}*1{_FILE}", f"1{OTHER_REFERENCE}{PIN}", f"1{REFERENCE}*{_FILE}*", "1123456789", "21",
    "2111111111", "211#5", f"215{_DIALS}1",
    "241111#1", "2531*1*", "2511", "25211", "2611111111", "272", "2*1", "31", "3211", "33*2", "4", "4-9-1", "5##1",
    "5#-#1", "5##2#1", "5##3##11", "5##21", "5---1", "0", "05", "0-3", "09", "0-9-1", "0h", "0-h", "0--h", "01-5",
    f"1{3 * _WRONG}*1{_FILE}", "0142", "34", "221", "81", "01", "02-1", "*0", "*2", "##1", "-1", "--2", "-----",
)  # fmt: skip
_CLOSED_WAYS = (
    "6##1", "6##2-1", "6##3##11", "61#1", "6---1", "71", f"72{_DIALS}1", f"72{_DIALS}2{_DIALS}1", f"7{_DIALS}1",
    "7200334#00#9#", "720123#", "7*1", f"1{_FILE}0", f"1{3 * _WRONG}*1{_FILE}", "2111111", "31", "-71", "---", "0", "9",
    "5##1", "81", "82", "8*6##1", "341", "321", f"1{3 * _WRONG}*1{_FILE}",
)  # fmt: skip


@dataclass(frozen=True)
class RandomCaller:
    number: str
    dialled: str
    at: datetime
    opening: str
    last_language: str | None
    remembers: bool
    records_conversations: bool
    disk_full: bool
    file: OneFile | None
    operators: tuple[OperatorScript, ...]  # one offer after another, then nobody
    acts: tuple[Act, ...]
    manner: str
    speaks_s: tuple[float, ...]


def made(chance: random.Random) -> RandomCaller:
    site = stage().site
    number = chance.choice(list(_NUMBERS))
    manner = chance.choice(("knowing", "hasty", "restless"))
    at = chance.choice((OPEN, OPEN, OPEN, NIGHT, HOLIDAY, JUST_OPEN))
    pace = chance.choice(_PACES_S)
    return RandomCaller(
        number=number,
        dialled=chance.choice([number.number for number in site.number] + [site.number[0].number] * 9),
        at=at,
        opening=chance.choice(("plan", "plan", "plan", *openings())),
        last_language=chance.choice((None, None, *site.languages)),
        remembers=chance.random() < 0.9,
        records_conversations=chance.random() < 0.5,
        disk_full=chance.random() < 0.05,
        file=_file(chance),
        operators=tuple(_rung(chance) for _ in range(chance.choice((0, 1, 1, 1, 2, 3)))),
        acts=tuple((chance.choice(pace), key) for key in _keys(chance, at in (NIGHT, HOLIDAY), manner)),
        manner=manner,
        speaks_s=(0.0,) if chance.random() < 0.1 else tuple(chance.choices(_SPEAKS_S, k=6)),
    )


def _keys(chance: random.Random, closed: bool, manner: str) -> str:
    """Return a way through the menus, with something else on the way or after it."""
    ways, others = (_CLOSED_WAYS, _OPEN_WAYS) if closed else (_OPEN_WAYS, _CLOSED_WAYS)
    keys = [str(chance.randrange(1, 8))] if chance.random() < 0.9 else []
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        keys += chance.choice(ways if chance.random() < 0.8 else others)
    for _ in range(chance.choice((0, 0, 0, 1, 2, 5))):
        place = chance.randrange(len(keys) + 1)
        keys[place : place + chance.randrange(2)] = chance.choice("0123456789*#-h")
    return "".join(keys if manner == "knowing" else (key for key in keys if key != "-"))


def _file(chance: random.Random) -> OneFile | None:
    if chance.random() < 0.1:
        return None
    missing = chance.choice((None, "photograph", "fee,photograph", "no_such_word", "fee;no_such_word,nor_this"))
    expected = chance.choice((None, date(2026, 12, 31), date(2026, 11, 25), date(2026, 1, 1), date(2028, 2, 29)))
    return OneFile(chance.choice(list(CaseState)), missing, expected, has_pin=chance.random() < 0.9)


def _rung(chance: random.Random) -> OperatorScript:
    cause = chance.choice((None, None, None, None, 17, 19, 27))
    answers_s = chance.choice((0.0, 0.5, 4.0, 14.9, 15.0, 40.0))
    ends = chance.choice((16, 16, 16, 44))
    return OperatorScript(
        "1001", chance.choice((0.0, 0.01, 1.0, 30.0)), answers_s, chance.choice((0.0, 5.0, 300.0)), cause, ends
    )


class HastyCaller:
    """A caller ahead of the prompts: presses the next keys, up to the next pause, as soon as anything changes.

    After the last key they are silent, and wait for an operator as long as any caller.
    """

    def __init__(self, acts: Sequence[Act], speaks_s: Sequence[float], hands: Asterisk) -> None:
        self._acts, self._hands = deque(acts), hands
        self._speaks_s = cycle(speaks_s)
        self._patience: asyncio.TimerHandle | None = None

    def begins(self, station: Station) -> None:
        if self._patience is not None and station not in (Station.WAITING, Station.OFFERED):
            self._patience.cancel()
            self._patience = None
        if self._patience is None and station is Station.WAITING:
            self._patience = self._hands.later(PATIENCE_S, self._hands.hang_up)
        self._react()

    def speaks_s(self) -> float:
        return next(self._speaks_s)

    def _react(self) -> None:
        self._hands.later(0.0, self._burst)

    def _burst(self) -> None:
        self._act()
        while self._acts and self._acts[0][0] == 0.0:
            self._act()

    def _act(self) -> None:
        if self._acts:
            _, key = self._acts.popleft()
            if key == "h":
                self._hands.hang_up()
            else:
                self._hands.press(key)


class RestlessCaller(HastyCaller):
    """Presses keys at their own pace, whatever is heard."""

    def __init__(self, acts: Sequence[Act], speaks_s: Sequence[float], hands: Asterisk) -> None:
        super().__init__(acts, speaks_s, hands)
        self._go_on()

    def _react(self) -> None:
        pass

    def _go_on(self) -> None:
        if self._acts:
            self._hands.later(self._acts[0][0], self._do)

    def _do(self) -> None:
        self._act()
        self._go_on()


def walked(caller: RandomCaller, loop: asyncio.AbstractEventLoop) -> TrialResult:
    operators = iter(caller.operators)
    scene = Scenario(
        caller=caller.number,
        dialled=caller.dialled,
        at=caller.at,
        opening=openings()[caller.opening],
        files=Cabinet(caller.file),
        who=lambda wait: next(operators, None),
        last_language=caller.last_language,
        disk_full=caller.disk_full,
    )
    here = stage(caller.records_conversations, caller.remembers)
    return loop.run_until_complete(trial(here, scene, _person(caller)))


def _person(caller: RandomCaller) -> Callable[[Asterisk], Caller]:
    if caller.manner == "knowing":
        return lambda asterisk: ScriptedCaller([key for _, key in caller.acts], asterisk)
    kind = HastyCaller if caller.manner == "hasty" else RestlessCaller
    return lambda asterisk: kind(caller.acts, caller.speaks_s, asterisk)


def simpler(caller: RandomCaller, fails: Callable[[RandomCaller], bool]) -> RandomCaller:
    """Return the caller without the parts that the failure does not need."""
    for candidate in _without_one_thing(caller):
        if fails(candidate):
            return simpler(candidate, fails)
    return caller


def _without_one_thing(caller: RandomCaller) -> Iterator[RandomCaller]:
    acts = caller.acts
    for size in (8, 4, 2, 1):
        for place in range(0, len(acts), size):
            yield replace(caller, acts=acts[:place] + acts[place + size :])
    plain = {"opening": "plan", "last_language": None, "disk_full": False, "operators": (), "at": OPEN}
    for name, value in plain.items():
        if getattr(caller, name) != value:
            yield replace(caller, **{name: value})  # type: ignore[arg-type]
