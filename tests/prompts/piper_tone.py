"""A model with Piper's interface for tests: it hums a different tone for each sound of a text.

The file is assembled here from ONNX's protocol buffers, so that its content can be read.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
TONE = 600
"""Samples per sound."""
INT64, FLOAT = 7, 1
SOUNDS = "abcdefghijklmnopqrstuvwxyzæðøŋœɐɑɒɔɕəɛɜɡɣɪɲɹɾʁʃʊʌʏʒʔˈˌː .,?!:;"


def write(folder: Path, name: str, language: str) -> Path:
    """Write NAME.onnx and NAME.onnx.json, and return the first path."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{name}.onnx"
    model.write_bytes(_model())
    ids = {"_": [0], "^": [1], "$": [2], **{sound: [number] for number, sound in enumerate(SOUNDS, 3)}}
    description = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": language},
        "language": {"family": language},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "num_symbols": len(ids),
        "num_speakers": 1,
        "phoneme_type": "espeak",
        "phoneme_id_map": ids,
    }
    Path(f"{model}.json").write_text(json.dumps(description), encoding="utf-8")
    return model


def _model() -> bytes:
    """Return sin(cumulative sum of the sounds' numbers, each repeated TONE times)."""
    nodes = [
        _node("Cast", ["input"], "numbers", _attribute("to", FLOAT)),
        _node("Reshape", ["numbers", "column"], "upright"),
        _node("Tile", ["upright", "times"], "held"),
        _node("Reshape", ["held", "row"], "line"),
        _node("Mul", ["line", "step"], "steps"),
        _node("CumSum", ["steps", "axis"], "phase"),
        _node("Sin", ["phase"], "output"),
    ]
    constants = [
        _tensor("column", np.array([1, -1, 1])),
        _tensor("times", np.array([1, 1, TONE])),
        _tensor("row", np.array([1, 1, -1])),
        _tensor("step", np.array(0.02, np.float32)),
        _tensor("axis", np.array(2)),
    ]
    inputs = [_value("input", INT64, 1, None), _value("input_lengths", INT64, 1), _value("scales", FLOAT, 3)]
    graph = b"".join(
        (
            *(_field(1, node) for node in nodes),
            _field(2, b"tone"),
            *(_field(5, constant) for constant in constants),
            *(_field(11, value) for value in inputs),
            _field(12, _value("output", FLOAT, 1, 1, None)),
        )
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 17))


def _value(name: str, kind: int, *shape: int | None) -> bytes:
    sizes = b"".join(_field(1, _field(2, b"n") if size is None else _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind) + _field(2, sizes)))


def _node(op: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    fields = [*(_field(1, name.encode()) for name in inputs), _field(2, output.encode()), _field(4, op.encode())]
    return b"".join([*fields, *(_field(5, attribute) for attribute in attributes)])


def _attribute(name: str, number: int) -> bytes:
    return _field(1, name.encode()) + _field(3, number) + _field(20, 2)


def _tensor(name: str, values: NDArray[np.generic]) -> bytes:
    kind = FLOAT if values.dtype == np.float32 else INT64
    sizes = b"".join(_field(1, size) for size in values.shape)
    return sizes + _field(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())


def _field(number: int, content: int | bytes) -> bytes:
    """Return a field with a number, or with bytes, a text or a message."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content & 0xFFFF_FFFF_FFFF_FFFF)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
