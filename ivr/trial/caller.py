"""Scripted callers: one who knows the menus, and one who listens until their next key has been named."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from ivr.call.node import CHANGE_LANGUAGE
from ivr.trial.asterisk import Announcement, Station

SILENCE, HANG_UP = "-", "h"

AFTER_S = 0.5
"""Seconds from the beginning of a prompt to a key, or from the last key if that begins nothing."""

SPEAKS_S = 5.0
PATIENCE_S = 120.0
"""How long the caller waits for an operator, in seconds."""

_KEYS_AT = {
    Station.WAITING: (CHANGE_LANGUAGE, HANG_UP),
    Station.TALKING: (HANG_UP,),
    Station.RECORDING: ("#", HANG_UP),
}
"""Keys that are pressed at a station other than a prompt; any other key is kept for the next station."""


class Phone(Protocol):
    """The caller's telephone; `ivr.trial.asterisk` has one."""

    def press(self, key: str) -> None: ...

    def hang_up(self) -> None: ...

    def later(self, seconds: float, do: Callable[[], object]) -> asyncio.TimerHandle: ...


class ListenersPhone(Phone, Protocol):
    """A telephone that also says what is announced; None for music and the like."""

    @property
    def announced(self) -> Announcement | None: ...


class ScriptedCaller:
    """Presses `keys` one after the other, and nothing more.

    A silence lasts for one prompt and the time for a key after it, for a wait or a conversation, or for a recording in
    which nothing is played.
    """

    def __init__(self, keys: Iterable[str], phone: Phone, patience_s: float = PATIENCE_S) -> None:
        self._keys, self._phone, self._patience_s = deque(keys), phone, patience_s
        self._silent = False  # the silence that is the next key has begun
        self._station: Station | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None

    def begins(self, station: Station) -> None:
        if station is Station.AFTERWARDS:
            return  # something else follows
        if self._silent:
            self._silent = False
            self._keys.popleft()
        if station is Station.WAITING and self._patience is None:
            self._patience = self._phone.later(self._patience_s, self._phone.hang_up)
        elif station not in (Station.WAITING, Station.OFFERED) and self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._station = station
        if self._keys and self._keys[0] == SILENCE:
            self._silent = True
        self._then(SPEAKS_S if station is Station.RECORDING else self._listens_s())

    def _listens_s(self) -> float:
        """Return the seconds from the beginning of what is heard now to the next key."""
        return AFTER_S

    def speaks_s(self) -> float:
        return 0.0 if self._silent else SPEAKS_S

    def _then(self, after_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._phone.later(after_s, self._act) if self._keys and not self._silent else None

    def _act(self) -> None:
        key = self._keys[0]
        if key == SILENCE:
            self._silent = True
            return
        if self._station is None or key not in _KEYS_AT.get(self._station, key):
            return
        self._keys.popleft()
        self._then(AFTER_S)
        if key == HANG_UP:
            self._phone.hang_up()
        else:
            self._phone.press(key)


class ListeningCaller(ScriptedCaller):
    """Presses each key as soon as the announcement has named it ("… press two"); one that it does not name after its
    end, unless something else begins then."""

    def __init__(self, keys: Iterable[str], phone: ListenersPhone, patience_s: float = PATIENCE_S) -> None:
        super().__init__(keys, phone, patience_s)
        self._ear = phone

    def _listens_s(self) -> float:
        heard = self._ear.announced
        if heard is None or not self._keys:
            return AFTER_S
        named = (clip.heard_s for clip in heard.clips if clip.named_key == self._keys[0])
        return next(named, heard.seconds + AFTER_S)
