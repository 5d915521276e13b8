"""Hear two callers for ever as workers of `hatif hear` do: each says one option after the other, with a pause of 1 s.

With the packaged recogniser, which needs most. The callers' voice is the quick one.
"""

import asyncio
import sys
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.speech import heard, menus, sounds
from ivr.home import settings
from ivr.home.settings import EXAMPLE
from prompts import catalogue
from speech.gate import silero_session
from speech.models import Models
from speech.packaged import PackagedError
from speech.protocol import Ask
from speech.scoring import Scorer, ScoringEngine, executor

CALLERS = 2
LANGUAGE = "fr"
_PAUSE_S = 1.0


def worker(folder: Path, said: list[NDArray[np.int16]], words: dict[str, str]) -> None:
    """Hear one caller, for ever."""

    async def run() -> None:
        computing = executor()
        scorer = await asyncio.get_running_loop().run_in_executor(computing, Scorer, folder)
        engine = ScoringEngine(scorer, LANGUAGE, computing)
        session, asked = silero_session(), Ask("line", 1, LANGUAGE, words)
        await engine.prepare(asked)
        for samples in cycle(said):
            await asyncio.sleep(len(samples) / sounds.RATE)
            found = await heard.first(engine, session, asked, samples)
            print("heard" if found.said.key else "not understood", flush=True)
            await asyncio.sleep(_PAUSE_S)

    asyncio.run(run())


def main() -> None:
    here = settings.read(bound=False)
    try:
        folder = Models(here.speech_models, here.cache).packaged().folder
    except PackagedError as error:
        sys.exit(str(error))
    cases = [case for case in menus.cases(catalogue.load(Path(EXAMPLE)).words, LANGUAGE) if case.kind == "option"]
    spoken = {row.way: row.sound for row in sounds.utterances(languages=(LANGUAGE,))}
    said = [menus.in_noise(spoken[case.way], 40, seed) for seed, case in enumerate(cases)]
    context = get_context("spawn")
    running = [context.Process(target=worker, args=(folder, said, dict(cases[0].words))) for _ in range(CALLERS)]
    for process in running:
        process.start()
    for process in running:
        process.join()


if __name__ == "__main__":
    main()
