"""How loud the clips of a voice are, and what silence they have at their ends, with the limits for both."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prompts import loudness, measure

SILENCE_S, LONGEST_SILENCE_S = 0.1, 0.5
"""Limits for the silence after speech, on average and in one clip: on a telephone, an s or f is hardly more."""
LONG_LU, SHORT_DB, PEAK_DBFS = 1.0, 2.0, -0.5
"""Limits: distance of long clips, and of all short ones together, from the target; spread of short ones; peaks."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One measured clip."""

    id: str
    file: str
    measured: measure.Measured

    @property
    def long(self) -> bool:
        return self.measured.seconds >= loudness.LONG


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one voice, or of a language's recordings."""

    language: str
    source: str
    clips: int
    minutes: float
    long: tuple[float, float] | None  # LUFS of the quietest and the loudest clip of 3 s and more
    short_lufs: float | None  # of all shorter ones, put together
    short_spread_db: float | None  # root mean square, loudest minus quietest
    peak_dbfs: float
    silence_s: tuple[float, float]  # after the speech: on average, and in one clip

    @property
    def faults(self) -> list[str]:
        """The figures outside their limits, in words."""
        together = [] if self.short_lufs is None else [self.short_lufs]
        off = max((abs(value - loudness.TARGET) for value in (*(self.long or ()), *together)), default=0.0)
        found = [
            (off > LONG_LU, f"{off:.1f} LU from the target"),
            ((self.short_spread_db or 0.0) > SHORT_DB, f"short clips differ by {self.short_spread_db} dB"),
            (self.peak_dbfs > PEAK_DBFS, f"a peak of {self.peak_dbfs} dBFS"),
            (self.silence_s[0] > SILENCE_S, f"{self.silence_s[0]} s of silence after speech, on average"),
            (self.silence_s[1] > LONGEST_SILENCE_S, f"{self.silence_s[1]} s of silence after speech"),
        ]
        return [f"{self.language}, {self.source}: {fault}" for wrong, fault in found if wrong]


def summarise(language: str, source: str, clips: Sequence[Clip], path: Callable[[str], Path]) -> Summary:
    """Return the figures of clips of one voice; `path` returns a clip's file at 8 kHz."""
    long = [clip.measured.lufs for clip in clips if clip.long]
    short = [clip for clip in clips if not clip.long]
    levels = [clip.measured.rms_dbfs for clip in short]
    after = [clip.measured.after_s for clip in clips]
    return Summary(
        language,
        source,
        len(clips),
        round(math.fsum(clip.measured.seconds for clip in clips) / 60, 1),
        (round(min(long), 2), round(max(long), 2)) if long else None,
        round(measure.together(path(clip.file) for clip in short), 2) if short else None,
        round(max(levels) - min(levels), 2) if short else None,
        round(max(clip.measured.peak_dbfs for clip in clips), 1),
        (round(statistics.mean(after), 2), round(max(after), 2)),
    )
