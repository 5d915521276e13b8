"""Keys that Asterisk reports twice.

A network that holds packets back and then delivers them at once, as mobile ones do, brings a key's end so soon after
the key before it that Asterisk puts it into a queue. It reports the key when it arrives, and once more when it takes it
out of the queue (Asterisk's main/channel.c, __ast_read). Without this module a reference would have digits that nobody
pressed.
"""

from dataclasses import dataclass, field

_GAP_MS = 45  # Asterisk's least time between two keys (AST_MIN_DTMF_GAP)
_SHORTEST_MS = 80  # its least length of a key (mindtmfduration)
_STEP_MS = 20  # how much later than due it may notice that a key is over
_LATE_MS = 60  # how much later than computed here a second report may come


@dataclass(slots=True)
class _Key:
    digit: str
    duration: int
    at: int  # when it was reported first
    since: int = 0  # the earliest and the latest time of a second report
    until: int = 0

    @property
    def lasts(self) -> int:
        """For how long at most Asterisk takes no other key."""
        return max(self.duration, _SHORTEST_MS) + _GAP_MS + _STEP_MS


@dataclass(slots=True)
class RepeatedKeys:
    """The keys of one channel that Asterisk may still report again.

    Nothing says which keys are in Asterisk's queue, but its rules say which ones can be: those that end before the keys
    before them are over. They are reported again in their turn, as soon as these are over, or never.
    """

    _free_at: int = 0  # a key that ends before this may be in the queue
    _queued: list[_Key] = field(default_factory=list)
    _newest: int = 0  # when the newest key was reported

    def repeats(self, digit: str, duration_ms: int, at_ms: int) -> bool:
        """Note a report, and return whether it is the second one of its key.

        Args:
            duration_ms: The key's length as reported.
            at_ms: Asterisk's time of the report, in milliseconds.
        """
        if at_ms < self._newest:  # the clock was set back
            self._free_at, self._newest, self._queued = 0, 0, []
        key = _Key(digit, duration_ms, at_ms, since=self._newest + _GAP_MS)
        while self._queued and self._queued[0].until < at_ms:
            self._handle(self._queued[0], self._queued[1:])  # it was not in the queue
        for place, queued in enumerate(self._queued):
            if (queued.digit, queued.duration) == (digit, duration_ms) and at_ms >= queued.since:
                self._handle(key, self._queued[place + 1 :])
                return True
        self._add(key)
        self._newest = at_ms
        return False

    def _handle(self, key: _Key, then: list[_Key]) -> None:
        """Note that Asterisk handled `key` at its time, after which come those that may be in the queue."""
        self._free_at, self._queued = key.at + key.lasts, []
        for queued in then:
            self._add(queued)

    def _add(self, key: _Key) -> None:
        if key.at >= self._free_at:
            self._free_at = key.at + key.lasts
            return
        key.until = self._free_at + _LATE_MS
        self._queued.append(key)
        self._free_at += key.lasts
