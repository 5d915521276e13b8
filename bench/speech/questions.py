"""How many of 140 made questions lead to the right procedure of the example site's guide: 20 in each language."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.speech import heard
from bench.speech.menus import in_noise
from bench.speech.spoken import Spoken
from speech.gate import END_OPEN_S
from speech.protocol import Ask
from speech.scoring import ScoringEngine

QUESTIONS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
"""By language and the procedure that they are about."""


@dataclass(slots=True)
class Result:
    """Figures of a language. `confirmed`: the right one alone; `offered`: it, and another one.

    `wrong`: others, with what was found; `none`: nothing was; `took_ms`: from the gate's end; `said_s`: their length.
    """

    confirmed: int = 0
    offered: int = 0
    none: int = 0
    wrong: list[str] = field(default_factory=list)
    took_ms: list[int] = field(default_factory=list)
    said_s: list[float] = field(default_factory=list)


async def measure(engine: ScoringEngine, session: Any, spoken: Spoken, language: str, below_db: int) -> Result:
    """Return what was understood of a language's questions."""
    result, asked = Result(), Ask("line", 1, language, {}, anything=True)
    await engine.prepare(asked)
    for seed, (procedure, question) in enumerate(QUESTIONS[language].items()):
        sound = spoken.say(language, question)
        samples = in_noise(sound, below_db, seed, END_OPEN_S + 0.3)
        found = await heard.first(engine, session, asked, samples)
        said = found.said
        result.took_ms.append(round(1000 * found.took_s))
        result.said_s.append(round(len(sound) / 8_000, 1))
        result.confirmed += said.found == (procedure,)
        result.offered += len(said.found) == 2 and procedure in said.found
        result.none += not said.found
        if said.found and procedure not in said.found:
            result.wrong.append(f"{procedure}: {', '.join(said.found)}")
    return result
