"""A caller who knows the menus: he presses his next key as soon as something new is heard."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from ivr.call.node import CHANGE_LANGUAGE
from ivr.trial.asterisk import Station

SILENCE, HANG_UP = "-", "h"

AFTER_S = 0.5
"""After the beginning of a prompt, or after his last key where that begins nothing."""

SPEAKS_S = 5.0
PATIENCE_S = 120.0
"""So long he waits for an operator."""

_MEANT = {Station.WAITING: (CHANGE_LANGUAGE, HANG_UP), Station.TALKING: (HANG_UP,), Station.RECORDING: ("#", HANG_UP)}
"""What a key can be meant for, beside prompts; any other is kept for what comes after."""


class Hands(Protocol):
    """What he holds: `ivr.trial.asterisk`."""

    def press(self, key: str) -> None: ...

    def hang_up(self) -> None: ...

    def later(self, seconds: float, do: Callable[[], object]) -> asyncio.TimerHandle: ...


class KnowingCaller:
    """Presses `keys` one after the other, and nothing more.

    A silence lasts for one prompt and the time for a key after it, for a wait, a conversation, or for a recording, in
    which he says nothing then.
    """

    def __init__(self, keys: Iterable[str], hands: Hands) -> None:
        self._keys, self._hands = deque(keys), hands
        self._silent = False  # the silence that is his next key has begun
        self._station: Station | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None

    def begins(self, station: Station) -> None:
        if station is Station.AFTERWARDS:
            return  # he waits for what comes
        if self._silent:
            self._silent = False
            self._keys.popleft()
        if station is Station.WAITING and self._patience is None:
            self._patience = self._hands.later(PATIENCE_S, self._hands.hang_up)
        elif station not in (Station.WAITING, Station.OFFERED) and self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._station = station
        if self._keys and self._keys[0] == SILENCE:
            self._silent = True
        self._then(SPEAKS_S if station is Station.RECORDING else AFTER_S)

    def speaks_s(self) -> float:
        return 0.0 if self._silent else SPEAKS_S

    def _then(self, after_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._hands.later(after_s, self._act) if self._keys and not self._silent else None

    def _act(self) -> None:
        key = self._keys[0]
        if key == SILENCE:
            self._silent = True
            return
        if self._station is None or key not in _MEANT.get(self._station, key):
            return
        self._keys.popleft()
        self._then(AFTER_S)
        if key == HANG_UP:
            self._hands.hang_up()
        else:
            self._hands.press(key)
