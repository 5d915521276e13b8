"""`python -m bench.speech.menus MODEL [--json]`: how many options the packaged recogniser gets right, and how fast.

Every way of saying every option of the example site's three menus, and what may be said everywhere, in each of seven
languages, spoken by the quick voices at 100 to 3,400 Hz with white noise; each through the gate, as a worker hears it.
`else`: a menu is told an option of another one, which it must not take. MODEL is the folder of whisper-base.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.speech import sounds
from ivr.flow import model
from ivr.flow.file import read_draft
from ivr.flow.nodes.menu import Menu
from ivr.home.settings import EXAMPLE
from prompts import catalogue
from speech.gate import FRAME_S, Gate, Silero, Sound, silero_session
from speech.protocol import Ask
from speech.scoring import Scorer, ScoringEngine

MENUS = ("main", "documents", "urgent")
ALL = ",".join(MENUS)
EVERYWHERE = ("words_operator", "words_repeat", "words_back", "words_language")
_STEP = round(sounds.RATE * FRAME_S)


async def hear(engine: ScoringEngine, session: Any, asked: Ask, samples: NDArray[np.int16]) -> tuple[str | None, float]:
    """Return the key that was understood, and the seconds from the gate's end to it."""
    gate, answer, ring = Gate(Silero(session)), None, list[bytes]()
    for first in range(0, len(samples) - _STEP + 1, _STEP):
        frame = samples[first : first + _STEP].tobytes()
        what = gate.feed(frame)
        if what is Sound.BEGINS:
            answer = engine.answer(asked)
            for earlier in ring[-ScoringEngine.before :]:
                answer.feed(earlier)
        ring.append(frame)
        if answer is not None:
            answer.feed(frame)
            if what is Sound.ENDS:
                began = time.monotonic()
                return (await answer.end())[0], time.monotonic() - began
    return None, 0.0


def menus(wanted: Sequence[str] = MENUS) -> dict[str, dict[str, str]]:
    """Return the ids of the words of each menu, with their keys."""
    path = Path(EXAMPLE) / "flow.yaml"
    nodes = read_draft(model.read(path), str(path)).flow.nodes
    found = {}
    for name in wanted:
        node = nodes[name]
        assert isinstance(node, Menu)
        found[name] = {option.words: option.key for option in node.options if option.words}
        found[name] |= dict(zip(EVERYWHERE, ("0", "#", "*", "9"), strict=True))
    return found


async def measure(
    folder: Path, languages: Sequence[str], wanted: Sequence[str], below_db: int, ways: int
) -> dict[str, dict[str, Any]]:
    words = catalogue.load(Path(EXAMPLE)).words
    executor, session, results = ThreadPoolExecutor(1), silero_session(), dict[str, dict[str, Any]]()
    scorer = Scorer(folder)
    for language in languages:
        engine = ScoringEngine(scorer, language, executor)
        said = [one for one in sounds.utterances((), (language,)) if one.way in words[language][one.id][:ways]]
        right = of = taken = others = 0
        took: list[float] = []
        for name, keys in menus(wanted).items():
            phrases = {way: key for text, key in keys.items() for way in words[language].get(text, ())}
            asked = Ask("line", 1, language, phrases)
            await engine.prepare(asked)
            for seed, utterance in enumerate(said):
                is_option = utterance.id in keys and (name == MENUS[0] or utterance.id not in EVERYWHERE)
                is_other = name == MENUS[0] and utterance.id.startswith(f"words_{MENUS[1]}")
                if not is_option and not is_other:
                    continue
                pause = np.zeros(sounds.RATE // 2)
                samples = np.concatenate((pause, utterance.sound, pause))
                heard = sounds.as_sent(samples + sounds.noise(len(samples), below_db, seed))
                key, seconds = await hear(engine, session, asked, heard)
                took.append(seconds)
                if is_option:
                    of += 1
                    right += key == keys[utterance.id]
                else:
                    others += 1
                    taken += key is not None
        results[language] = {
            "right": right, "of": of, "taken": taken, "others": others,
            "p50_ms": round(1000 * float(np.percentile(took, 50))),
            "p95_ms": round(1000 * float(np.percentile(took, 95))),
        }  # fmt: skip
        row = results[language]
        print(
            f"{language} {below_db:>3} dB  right {right}/{of} ({right / of:.0%})  else taken {taken}/{others}"
            f"  {row['p50_ms']} ms, p95 {row['p95_ms']} ms",
            flush=True,
        )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--languages", default=",".join(sounds.LANGUAGES))
    parser.add_argument("--menus", default=ALL)
    parser.add_argument("--noise", type=int, default=40, help="dB below the speech")
    parser.add_argument("--ways", type=int, default=3, help="of saying each option")
    parser.add_argument("--json", type=Path, help="also write the results there")
    chosen = parser.parse_args()
    found = asyncio.run(
        measure(chosen.model, chosen.languages.split(","), chosen.menus.split(","), chosen.noise, chosen.ways)
    )
    if chosen.json:
        chosen.json.write_text(json.dumps({"noise_db": chosen.noise, "languages": found}))


if __name__ == "__main__":
    main()
