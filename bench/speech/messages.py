"""`python -m bench.speech.messages`: how many words of a caller's message its text has wrong, in each language.

Made messages are spoken by the site's voices, and heard at telephone quality by the model that the language has.
"""

import json
import resource
import sys
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.intelligibility.errors import normalize
from bench.intelligibility.telephone import telephone_sound
from cli.speech.fetch import fetch
from ivr.home import settings
from prompts.build import TIME_LIMIT
from prompts.voices import choice
from prompts.voices.process import VoicePool
from speech import free_text
from speech.models import Models
from speech.transcript import Transcript

MESSAGES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
"""By language, as they are spoken."""


@dataclass(frozen=True, slots=True)
class Result:
    """One language. `word_error`: wrong words, of the wanted ones; `speed`: processor seconds for a second of sound."""

    language: str
    voice: str
    model: str
    messages: int
    seconds: float
    word_error: float
    confidence: float
    languages_right: int
    speed: float
    heard: tuple[str, ...]


def _measure(language: str, models: Models, pool: VoicePool, voices: Path) -> Result:
    model = models.find(language)
    assert model is not None, "the packaged recogniser is there, and knows these languages"
    recogniser = free_text.load(model.engine, model.folder)
    named = choice.wanted({}, [language])
    voice = choice.choose(named, voices).voice(language)
    wrong = wanted = 0
    seconds = used = 0.0
    found: list[Transcript] = []
    for text in MESSAGES[language]:
        sound: NDArray[np.float32] = telephone_sound(*pool.speak(voice, text))
        began = time.process_time()
        heard = recogniser.transcribe(sound, language, list(MESSAGES))
        used += time.process_time() - began
        seconds += len(sound) / free_text.RATE
        words = normalize(text).split()
        wrong, wanted = wrong + Levenshtein.distance(words, normalize(heard.text).split()), wanted + len(words)
        found.append(heard)
    return Result(
        language,
        voice.source,
        model.name,
        len(found),
        round(seconds, 1),
        round(wrong / wanted, 3),
        round(sum(heard.confidence for heard in found) / len(found), 2),
        sum(heard.language == language for heard in found),
        round(used / seconds, 2),
        tuple(heard.text for heard in found),
    )


def main(
    language: Annotated[list[str], typer.Option(help="A language; may be repeated. Default: all seven.")] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure the texts of messages."""
    here = settings.read()
    models, about = Models(here.speech_models, here.cache), machine.description()
    fetch(models)
    with VoicePool(TIME_LIMIT) as pool:
        results = [_measure(code, models, pool, here.voices) for code in language or MESSAGES]
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if as_json:
        document = {"machine": about, "memory_mb": memory_mb, "languages": [asdict(result) for result in results]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        return
    columns = (
        "language",
        "voice",
        "model",
        "messages",
        "seconds",
        "word_error",
        "confidence",
        "languages_right",
        "speed",
    )
    table = Table(*columns, title=f"Texts of messages; {memory_mb} MB at most")
    for result in results:
        table.add_row(*(str(getattr(result, column)) for column in columns))
    console = Console()
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in about.items()))


if __name__ == "__main__":
    typer.run(main)
