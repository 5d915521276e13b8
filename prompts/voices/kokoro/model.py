"""The model Kokoro-82M: symbols and a style in, samples out."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from prompts.voices.kokoro import styles, symbols
from prompts.voices.kokoro.styles import ROWS, WIDTH

RATE = 24_000
LONGEST = 250
"""Symbols in one run, some 15 s. The model takes 510, but speaks long texts faster, and needs 0.9 GB for them."""
MOST_THREADS = 4


class Model:
    """A loaded model. The same symbols, style and speed give the same samples."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))  # does not affect the samples
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others may need the processor
        options.enable_mem_pattern = False  # plans memory for texts of equal length, and takes half as much again
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(self, spoken: str, style: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
        """Return samples at `RATE`, with some silence around them.

        Raises:
            ValueError: The model does not have one of the symbols.
        """
        tokens = symbols.tokens(spoken)
        feed = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[min(len(tokens), ROWS) - 1].reshape(1, WIDTH),
            "speed": np.array([speed], dtype=np.float32),
        }
        samples: NDArray[np.float32] = self._session.run(None, feed)[0].ravel()
        return samples


@cache
def style(language: str) -> NDArray[np.float32]:
    """Return the style of a language, (ROWS, WIDTH)."""
    return np.frombuffer(styles.file(language).read_bytes(), dtype="<f2").reshape(ROWS, WIDTH).astype(np.float32)
