"""The predictor's process, run by the Python of the recogniser's environment: `python predictor.py MODEL CLIPS`.

CLIPS is a file of numpy arrays (.npz) at 16 kHz, full scale 1. Prints one JSON list: for each, in order, the predicted
scores of the speech itself and of the whole, 1 to 5. Imports nothing of ours.
"""

import json
import sys

import numpy as np
import onnxruntime  # type: ignore[import-untyped,unused-ignore]

LENGTH = 144_160
"""Samples that the model hears at once: 9.01 s. A shorter clip is repeated, as for its training."""
STEP = 16_000
SPEECH, OVERALL = (-0.08397278, 1.22083953, 0.0052439), (-0.06766283, 1.11546468, 0.04602535)
"""What the model's authors fitted: polynomials from its output to the scores of people."""


def main(model: str, clips: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with np.load(clips) as arrays:
        print(json.dumps([_score(session, arrays[name]) for name in arrays.files]))


def _score(session: "onnxruntime.InferenceSession", samples: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> object:
    samples = np.resize(samples, max(len(samples), LENGTH)).astype(np.float32)
    starts = range(0, len(samples) - LENGTH + 1, STEP)
    raw = np.mean([session.run(None, {"input_1": samples[None, at : at + LENGTH]})[0][0] for at in starts], axis=0)
    return [round(float(np.polyval(fit, value)), 3) for fit, value in zip((SPEECH, OVERALL), (raw[0], raw[2]))]  # noqa: B905


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
