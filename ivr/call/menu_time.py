"""The time that a caller spends in the menus: all of the call but the queue and the conversation."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ivr.call.interruptions import MenusOver

MOST_S = 30 * 60.0
MENUS_OVER = "menus_over"
"""The text for a caller whose time in the menus is over."""


class MenuTime:
    """The time in the menus, of which a call has `MOST_S`. `used`: the seconds before the present node."""

    def __init__(self) -> None:
        self.used = 0.0
        self._since: float | None = None

    @contextmanager
    def counting(self, counts: bool) -> Iterator[None]:
        """Count the time of a node; `counts`: whether it is one of the menus."""
        began = asyncio.get_running_loop().time()
        self._since = began if counts else None
        try:
            yield
        finally:
            self._since = None
            if counts:
                self.used += asyncio.get_running_loop().time() - began

    def check(self) -> None:
        """Raise MenusOver once the time is over."""
        if self._since is None:
            return
        if self.used + asyncio.get_running_loop().time() - self._since > MOST_S:
            raise MenusOver
