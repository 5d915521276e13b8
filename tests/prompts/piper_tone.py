"""A model with Piper's interface for tests: it hums a different tone for each sound of a text.

The file is assembled here from ONNX's protocol buffers, so that its content can be read.
"""

import json
from pathlib import Path

import numpy as np

from prompts.voices.kokoro.wire import field, node, tensor

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
        node("Cast", ["input"], "numbers", to=FLOAT),
        node("Reshape", ["numbers", "column"], "upright"),
        node("Tile", ["upright", "times"], "held"),
        node("Reshape", ["held", "row"], "line"),
        node("Mul", ["line", "step"], "steps"),
        node("CumSum", ["steps", "axis"], "phase"),
        node("Sin", ["phase"], "output"),
    ]
    constants = [
        tensor("column", np.array([1, -1, 1])),
        tensor("times", np.array([1, 1, TONE])),
        tensor("row", np.array([1, 1, -1])),
        tensor("step", np.array(0.02, np.float32)),
        tensor("axis", np.array(2)),
    ]
    inputs = [_value("input", INT64, 1, None), _value("input_lengths", INT64, 1), _value("scales", FLOAT, 3)]
    graph = b"".join(
        (
            *(field(1, node) for node in nodes),
            field(2, b"tone"),
            *(field(5, constant) for constant in constants),
            *(field(11, value) for value in inputs),
            field(12, _value("output", FLOAT, 1, 1, None)),
        )
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 17))


def _value(name: str, kind: int, *shape: int | None) -> bytes:
    sizes = b"".join(field(1, field(2, b"n") if size is None else field(1, size)) for size in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, kind) + field(2, sizes)))
