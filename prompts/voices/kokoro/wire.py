"""ONNX files as they are on the disk: just enough of protocol buffers to change some nodes of a graph.

The package `onnx` does the same, but it is as large as the runtime, and nothing else here needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_INTS, _ATTRIBUTE_TYPE = 1, 3, 8, 20
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NUMBERS, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 5, 8, 9
_INT, _INTS = 2, 7
_TYPES: dict[type[np.generic], int] = {np.float32: 1, np.uint8: 2, np.int8: 3, np.int32: 6, np.int64: 7}
_NUMPY = {number: np.dtype(kind) for kind, number in _TYPES.items()}

Value = int | memoryview


def fields(message: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message, in order.

    Raises:
        ValueError: It is not a message.
    """
    data, place = memoryview(message), 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(data, place)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a field has the unknown kind {kind}")
        if place + size > len(data):
            raise ValueError("a field is truncated")
        yield number, data[place : place + size]
        place += size


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("a number is truncated")
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def field(number: int, content: int | bytes | memoryview) -> bytes:
    """Return a field with a number; or with bytes, a text or a message."""
    if isinstance(content, int):
        return _encoded(number << 3 | _VARINT) + _encoded(content & 0xFFFF_FFFF_FFFF_FFFF)
    return b"".join((_encoded(number << 3 | _BYTES), _encoded(len(content)), content))


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a graph; of its attributes, only whole numbers and lists of them."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, tuple[int, ...]]

    @classmethod
    def parse(cls, message: bytes | memoryview) -> Node:
        texts: dict[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: [], _NODE_OP: []}
        numbers = {}
        for number, value in fields(message):
            if number in texts:
                texts[number].append(_text(value))
            elif number == _NODE_ATTRIBUTE:
                name, found = _attribute(value)
                numbers[name] = found
        op = texts[_NODE_OP][0] if texts[_NODE_OP] else ""
        return cls(op, tuple(texts[_NODE_INPUT]), tuple(texts[_NODE_OUTPUT]), numbers)


def _attribute(message: Value) -> tuple[str, tuple[int, ...]]:
    name, found = "", []
    for number, value in fields(_message(message)):
        if number == _ATTRIBUTE_NAME:
            name = _text(value)
        elif number in (_ATTRIBUTE_INT, _ATTRIBUTE_INTS):
            found += _numbers(value)
    return name, tuple(found)


def _numbers(value: Value) -> list[int]:
    """Return the numbers of a field that has one of them, or several packed ones."""
    if isinstance(value, int):
        return [_signed(value)]
    found, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        found.append(_signed(number))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _text(value: Value) -> str:
    return bytes(_message(value)).decode()


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number stands where a message or a text should be")
    return value


def node(op: str, inputs: Sequence[str], output: str, **numbers: int | Sequence[int]) -> bytes:
    """Return a node with one output; `numbers` are its attributes."""
    message = [field(_NODE_INPUT, name.encode()) for name in inputs]
    message += [field(_NODE_OUTPUT, output.encode()), field(_NODE_NAME, output.encode()), field(_NODE_OP, op.encode())]
    for name, value in numbers.items():
        attribute = [field(_ATTRIBUTE_NAME, name.encode())]
        if isinstance(value, int):
            attribute += [field(_ATTRIBUTE_INT, value), field(_ATTRIBUTE_TYPE, _INT)]
        else:
            attribute += [field(_ATTRIBUTE_INTS, each) for each in value]
            attribute.append(field(_ATTRIBUTE_TYPE, _INTS))
        message.append(field(_NODE_ATTRIBUTE, b"".join(attribute)))
    return b"".join(message)


def value(name: str, kind: int) -> bytes:
    """Return the description of an input or output of any shape."""
    return field(1, name.encode()) + field(2, field(1, field(1, kind)))


def tensor(name: str, values: NDArray[np.generic]) -> bytes:
    """Return an initial tensor."""
    return b"".join(
        (
            *(field(_TENSOR_DIMS, size) for size in values.shape),
            field(_TENSOR_TYPE, _TYPES[values.dtype.type]),
            field(_TENSOR_NAME, name.encode()),
            field(_TENSOR_RAW, np.ascontiguousarray(values).tobytes()),
        )
    )


def parse_tensor(message: bytes | memoryview) -> tuple[str, NDArray[np.generic] | None]:
    """Return a tensor's name and values; None if it is of a kind that we do not read."""
    name, kind, raw = "", 0, None
    shape: list[int] = []
    numbers: list[int] = []  # in small tensors, instead of raw bytes
    for number, value in fields(message):
        if number == _TENSOR_DIMS:
            shape += _numbers(value)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_NUMBERS:
            numbers += _numbers(value)
        elif number == _TENSOR_NAME:
            name = _text(value)
        elif number == _TENSOR_RAW:
            raw = _message(value)
    if kind not in _NUMPY or (raw is None and not numbers):
        return name, None
    values = np.array(numbers, _NUMPY[kind]) if raw is None else np.frombuffer(raw, _NUMPY[kind])
    return name, values.reshape(shape)
