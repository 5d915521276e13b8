"""Rows as columns that can be stored as one value: whole numbers, and texts that recur."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec
import numpy as np

from db.columns import Coded, Columns, Whole

AT = "at"
"""The column by whose instant a row belongs to a period."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of equal length by their names. Truths are 0 and 1; NULL is `db.columns.NONE`."""

    numbers: Mapping[str, Whole]
    texts: Mapping[str, Coded]

    @classmethod
    def of(cls, found: Columns) -> "Frame":
        return cls(found.arrays, {name: Coded.of(texts) for name, texts in found.texts.items()})

    def __len__(self) -> int:
        return len(self.numbers[AT])

    def where(self, chosen: Any) -> "Frame":
        """Return the rows of a mask, or in an order."""
        return Frame(
            {name: numbers[chosen] for name, numbers in self.numbers.items()},
            {name: coded.where(chosen) for name, coded in self.texts.items()},
        )

    def without(self, columns: Collection[str]) -> "Frame":
        """Return the rows without some columns."""
        return Frame(
            {name: numbers for name, numbers in self.numbers.items() if name not in columns},
            {name: coded for name, coded in self.texts.items() if name not in columns},
        )

    def between(self, begins_us: int, ends_us: int) -> "Frame":
        """Return the rows of a period."""
        at = self.numbers[AT]
        within = (at >= begins_us) & (at < ends_us)
        return self if within.all() else self.where(within)


def join(frames: Sequence[Frame]) -> Frame:
    """Return the rows of some frames, one or more, with the same columns, in their order."""
    first = frames[0]
    return Frame(
        {name: np.concatenate([frame.numbers[name] for frame in frames], dtype=np.int64) for name in first.numbers},
        {name: _join_coded([frame.texts[name] for frame in frames]) for name in first.texts},
    )


def pack(frames: Mapping[str, Frame]) -> bytes:
    """Return frames by their names as one value."""
    document = {
        name: (
            {column: _pack(numbers) for column, numbers in frame.numbers.items()},
            {column: _pack_coded(coded) for column, coded in frame.texts.items()},
        )
        for name, frame in frames.items()
    }
    return msgspec.msgpack.encode(document)


def unpack(value: bytes, names: Collection[str], without: Collection[str] = ()) -> dict[str, Frame]:
    """Return frames that `pack` was given, without some columns. Raises ValueError if it was given something else."""
    try:
        document = _decoder.decode(value)
        return {name: _frame(*_frame_decoder.decode(document[name]), without) for name in names}
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ValueError("not a kept day") from error


def _frame(numbers: "Mapping[str, _Stored]", texts: Mapping[str, msgspec.Raw], without: Collection[str]) -> Frame:
    coded = {name: _texts_decoder.decode(raw) for name, raw in texts.items() if name not in without}
    return Frame(
        {name: _unpack(stored) for name, stored in numbers.items() if name not in without},
        {name: Coded(_unpack(stored), names) for name, (names, stored) in coded.items()},
    )


_Packed = tuple[str, bytes]
_Stored = tuple[str, memoryview]
"""The same in the value that is unpacked."""

# Only what is asked for is decoded: a day has a hundred names of operators, and most reports need none.
_decoder = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_frame_decoder = msgspec.msgpack.Decoder(tuple[dict[str, _Stored], dict[str, msgspec.Raw]])
_texts_decoder = msgspec.msgpack.Decoder(tuple[list[str | None], _Stored])


def _pack(numbers: Whole) -> _Packed:
    least, most = int(np.min(numbers, initial=0)), int(np.max(numbers, initial=0))
    kind = np.result_type(np.min_scalar_type(least), np.min_scalar_type(most))
    if kind.itemsize == 8:
        kind = np.dtype(np.int64)
    return kind.newbyteorder("<").str, numbers.astype(kind.newbyteorder("<")).tobytes()


def _pack_coded(coded: Coded) -> tuple[list[str | None], _Packed]:
    """Return texts with their names in order, so that those of like days are equal."""
    names = sorted(coded.names, key=lambda name: name or "")
    places = {name: place for place, name in enumerate(names)}
    known = np.array([places[name] for name in coded.names], np.int64)
    return names, _pack(known[coded.codes] if len(known) else coded.codes)


def _unpack(stored: _Stored) -> Whole:
    kind, value = stored
    return np.frombuffer(value, kind)  # `join` makes whole numbers of 64 bits of it


def _join_coded(parts: Sequence[Coded]) -> Coded:
    places: dict[str | None, int] = {}
    joined = []
    for names, run in groupby(parts, lambda part: part.names):  # most days have the names of the day before
        codes = np.concatenate([part.codes for part in run])
        known = np.array([places.setdefault(name, len(places)) for name in names], np.int64)
        joined.append(known[codes] if len(known) else codes)
    return Coded(np.concatenate(joined, dtype=np.int64), [*places])
