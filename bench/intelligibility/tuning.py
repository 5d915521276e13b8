"""`python -m bench.intelligibility.tuning`: whether a change makes Kokoro's Arabic easier to understand.

The figure is the recogniser's surprise at the right text (nats per character): it needs a tenth of the time of its
error, and varies less. Each variant speaks announcements of the list for tuning, in a fixed order, and is compared with
the voice in use text by text. A variant that is clearly worse is stopped early. What was measured is kept in
`HATIF_HOME/intelligibility/tuning`, so a run that is interrupted goes on where it was.
"""

import hashlib
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from bench.intelligibility import announcements, errors, telephone
from bench.intelligibility.environment import Environment, Recogniser, RecogniserError
from bench.intelligibility.variants import IN_USE, VARIANTS, Variant
from ivr.home import settings
from prompts import audio, catalogue
from prompts.voices.kokoro import NAME, arabic, engine, weights
from prompts.voices.kokoro.model import RATE, Model, style
from prompts.voices.kokoro.styles import ROWS, WIDTH

LANGUAGE = "ar"
STOPS_AT = {8: 0.06, 12: 0.03}
"""A variant is stopped after so many texts if its loss is larger by so much, and by more than a standard error."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """An announcement as a variant speaks it."""

    loss: float  # nats per character
    seconds: float


class Bench(Protocol):
    """Tells how well a text is understood."""

    def measure(self, text: str, variant: Variant) -> Spoken:
        """Return the text as the variant speaks it."""


class _Machine:
    """The model, the recogniser and what they have measured."""

    def __init__(self, recogniser: Recogniser, model: Path, folder: Path, styles: Path | None) -> None:
        self._recogniser, self._path, self._folder, self._styles = recogniser, model, folder, styles
        self._model = cache(lambda: Model(weights.read(model)))
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, text: str, variant: Variant) -> Spoken:
        parts = list(variant.parts(arabic.symbols(text, variant.sounds)))
        key = hashlib.sha256(repr((parts, text, variant.styles, variant.row)).encode()).hexdigest()
        file = self._folder / f"{key}.json"
        if not file.is_file():
            samples = engine.join([self._model().run(part, self._style(variant), speed) for part, speed in parts])
            sound = np.frombuffer(audio.finish(samples, RATE).sln16, dtype="<i2")
            heard = telephone.telephone_sound(sound, audio.WIDE)
            loss = self._recogniser.surprise(heard, LANGUAGE, errors.unvowelled(text))
            file.write_bytes(
                orjson.dumps({"loss": loss / len(errors.normalize(text)), "seconds": len(sound) / audio.WIDE})
            )
        return Spoken(**orjson.loads(file.read_bytes()))

    def _style(self, variant: Variant) -> NDArray[np.float32]:
        rows = style(LANGUAGE)
        if variant.styles:
            if self._styles is None:
                raise RecogniserError("this variant needs --styles: package/voices of the npm package kokoro-js 1.2.1")
            files = [self._styles / f"{name}.bin" for name in variant.styles]
            rows = np.mean([np.fromfile(file, "<f4").reshape(ROWS, WIDTH) for file in files], axis=0)
        return rows if variant.row is None else np.repeat(rows[variant.row : variant.row + 1], ROWS, axis=0)


def compare(bench: Bench, texts: list[str], variant: Variant) -> Iterator[tuple[Spoken, float]]:
    """Yield each text as the variant speaks it, and how far its loss is from that of the voice in use."""
    differences: list[float] = []
    for text in texts:
        spoken = bench.measure(text, variant)
        differences.append(spoken.loss - bench.measure(text, VARIANTS[IN_USE]).loss)
        yield spoken, differences[-1]
        worse = STOPS_AT.get(len(differences))
        if worse is not None and statistics.mean(differences) > max(worse, standard_error(differences)):
            return


def standard_error(values: list[float]) -> float:
    """Return the standard error of the mean of at least two values."""
    return float(statistics.stdev(values) / len(values) ** 0.5)


def main(
    variant: Annotated[list[str], typer.Option(help="A variant; may be repeated. Default: all.")] = [],  # noqa: B006
    count: Annotated[int, typer.Option(min=2, help="Announcements for each variant.")] = 24,
    styles: Annotated[Path | None, typer.Option(help="`package/voices` of the npm package kokoro-js 1.2.1.")] = None,
) -> None:
    """Print the loss of each variant of Kokoro's Arabic, and its difference from the voice in use."""
    here = settings.read()
    environment = Environment(here.home / "intelligibility")
    catalogues = catalogue.load(here.site)
    drawn = [catalogues.text(LANGUAGE, prompt) or "" for prompt in announcements.tuning(catalogues, LANGUAGE)]
    try:
        if unknown := sorted(set(variant) - VARIANTS.keys()):
            raise RecogniserError(f"there is no variant {unknown[0]!r}; there are: {', '.join(VARIANTS)}")
        with Recogniser(environment) as recogniser:
            bench = _Machine(recogniser, weights.find(here.voices / NAME), environment.folder / "tuning", styles)
            for name in variant or VARIANTS:
                found = list(compare(bench, drawn[:count], VARIANTS[name]))
                loss = statistics.mean(spoken.loss for spoken, _ in found)
                seconds = sum(spoken.seconds for spoken, _ in found)
                differences = [difference for _, difference in found]
                print(
                    f"{name:26} {loss:.3f}  {statistics.mean(differences):+.3f} ± {standard_error(differences):.3f}  "
                    f"{len(found)} announcements, {seconds:.0f} s",
                    flush=True,
                )
    except (RecogniserError, weights.WeightsError) as error:
        print(f"bench.intelligibility.tuning: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    typer.run(main)
