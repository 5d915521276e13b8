"""A model with Piper's interface for tests: it hums a different tone for each sound of a text.

The file is assembled here from ONNX's protocol buffers, so that its content can be read.
"""

import json
import struct
from pathlib import Path

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
        _node("Cast", "input", to="numbers", attribute=_field(1, b"to") + _field(3, FLOAT) + _field(20, 2)),
        _node("Reshape", "numbers", "column", to="upright"),
        _node("Tile", "upright", "times", to="held"),
        _node("Reshape", "held", "row", to="line"),
        _node("Mul", "line", "step", to="steps"),
        _node("CumSum", "steps", "axis", to="phase"),
        _node("Sin", "phase", to="output"),
    ]
    constants = [
        _tensor("column", INT64, struct.pack("<3q", 1, -1, 1), 3),
        _tensor("times", INT64, struct.pack("<3q", 1, 1, TONE), 3),
        _tensor("row", INT64, struct.pack("<3q", 1, 1, -1), 3),
        _tensor("step", FLOAT, struct.pack("<f", 0.02)),
        _tensor("axis", INT64, struct.pack("<q", 2)),
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


def _varint(number: int) -> bytes:
    low, high = number & 127, number >> 7
    return bytes([low | 128]) + _varint(high) if high else bytes([low])


def _field(number: int, content: int | bytes) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _node(operator: str, *inputs: str, to: str, attribute: bytes = b"") -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs)
    return names + _field(2, to.encode()) + _field(4, operator.encode()) + (_field(5, attribute) if attribute else b"")


def _tensor(name: str, kind: int, raw: bytes, length: int = 0) -> bytes:
    return (_field(1, length) if length else b"") + _field(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, kind: int, *shape: int | None) -> bytes:
    sizes = b"".join(_field(1, _field(2, b"n") if size is None else _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind) + _field(2, sizes)))
