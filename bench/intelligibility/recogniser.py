"""The recogniser's process, run by the Python of its own environment: `python recogniser.py MODEL_FOLDER`.

One request a line on standard input, {"language", "file"}: `file` is a numpy array (.npy), 32-bit floats at 16 kHz.
One answer a line: {"text"}, its figures written out in words. Imports nothing of ours.
"""

import contextlib
import json
import re
import sys

import numpy as np
from faster_whisper import WhisperModel
from num2words import num2words  # type: ignore[import-not-found]

BEAM = 5
LOOPS = 2.4
"""The compression ratio above which a text counts as repetition; Whisper's own limit."""
RATE = 16_000
"""Hz."""
LONGEST_REPEATED = 3
"""The most tokens of one text."""


def load(folder: str) -> WhisperModel:
    return WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def recognise(model: WhisperModel, audio: np.ndarray, language: str) -> str:
    """Return the recognised text. Deterministic: no sampling, and no conditioning on earlier text.

    If it repeats itself (by Whisper's own criterion: the text compresses too well), it runs once more with repetition
    forbidden; Whisper's own remedy would be to sample at random.
    """
    text, loops = _transcribe(model, audio, language)
    if loops:
        text, _ = _transcribe(model, audio, language, no_repeat_ngram_size=LONGEST_REPEATED + 1)
    return in_words(text, language)


def _transcribe(model: WhisperModel, audio: np.ndarray, language: str, **options: int) -> tuple[str, bool]:
    segments, _ = model.transcribe(
        audio, language=language, beam_size=BEAM, temperature=0.0, condition_on_previous_text=False, **options
    )
    found = list(segments)
    loops = any(segment.compression_ratio > LOOPS for segment in found)
    return " ".join(segment.text.strip() for segment in found), loops


def in_words(text: str, language: str) -> str:
    """Return the text with whole numbers as words: the announcements have words, the recogniser often writes digits."""

    def to_words(match: re.Match[str]) -> str:
        with contextlib.suppress(NotImplementedError, OverflowError, ValueError):
            return f" {num2words(int(match.group()), lang=language)} "
        return match.group()

    return re.sub(r"\d+", to_words, text)


def main(folder: str) -> None:
    model = load(folder)
    for line in sys.stdin:
        request = json.loads(line)
        audio = np.load(request["file"])
        print(json.dumps({"text": recognise(model, audio, request["language"])}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
