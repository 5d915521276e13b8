"""Values of many rows as arrays, in which reports count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]

NONE = -(2**63)
"""In an array of instants or numbers: NULL."""

_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Coded:
    """Texts that recur: of row i it is `names[codes[i]]`. None: NULL, or an empty text."""

    codes: Whole
    names: Sequence[str | None]

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "Coded":
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        codes = np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))
        return cls(codes, [text or None for text in places])

    def where(self, chosen: Any) -> "Coded":
        return Coded(self.codes[chosen], self.names)

    def are(self, names: Iterable[str | None]) -> NDArray[np.bool_]:
        """Return which rows have one of the names."""
        wanted = {*names}
        return np.array([name in wanted for name in self.names], np.bool_)[self.codes]

    def then(self, other: "Coded") -> "Coded":
        """Return these rows, and others after them."""
        names = [*dict.fromkeys((*self.names, *other.names))]
        places = {name: place for place, name in enumerate(names)}
        codes = [np.array([places[name] for name in some.names], np.int64)[some.codes] for some in (self, other)]
        return Coded(np.concatenate(codes), names)


def whole(values: Sequence[int | None]) -> Whole:
    """Return numbers as an array; `NONE` for None."""
    return np.array([NONE if value is None else value for value in values], np.int64)


def columns_of(rows: Sequence[Sequence[Any]], number: int) -> list[Sequence[Any]]:
    """Return the columns of rows, of which there may be none. `number`: of columns."""
    return [*zip(*rows, strict=True)] or [()] * number


def micros_of(at: datetime) -> int:
    """Return the microseconds since 1970 of an instant, exactly."""
    return (at - _1970) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return _1970 + timedelta(microseconds=micros)
