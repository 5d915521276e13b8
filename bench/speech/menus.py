"""How many options of the example site's main menu the packaged recogniser gets right, and how fast.

And of all else that may be said there and at "is that right?", in all wordings, with the digits of the options; at 100
to 3,400 Hz with white noise, through the gate, as a worker hears it. *Others*: three options of another menu, which
should be refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.speech import heard, sounds
from bench.speech.spoken import Spoken
from ivr.call.said import CONFIRMATION, DIGITS, EVERYWHERE, digit_words
from ivr.flow import model
from ivr.flow.file import read_draft
from ivr.flow.nodes.menu import Menu
from ivr.home.settings import EXAMPLE
from prompts.spoken_words import Words
from speech.protocol import Ask
from speech.scoring import ScoringEngine

OTHERS = ("words_documents_passport", "words_documents_civil", "words_documents_papers")


@dataclass(frozen=True, slots=True)
class Case:
    """Something that is said. `kind`: option, everywhere, digit, yes or no, or other; `key`: the right one."""

    kind: str
    way: str
    key: str | None
    words: Mapping[str, str]  # what may be said


@dataclass(slots=True)
class Result:
    """Figures of a language. `right`, `of`: by kind; `took_ms`: from the gate's end to the answer."""

    right: dict[str, int] = field(default_factory=dict)
    of: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    taken: int = 0
    took_ms: list[int] = field(default_factory=list)


def in_noise(sound: sounds.Sound, below_db: int, seed: int, after_s: float = 0.5) -> NDArray[np.int16]:
    """Return sound as it is sent, with half a second before it."""
    samples = np.concatenate((np.zeros(sounds.RATE // 2), sound, np.zeros(round(after_s * sounds.RATE))))
    return sounds.as_sent(samples + sounds.noise(len(samples), below_db, seed))


def cases(words: Words, language: str) -> list[Case]:
    """Return all that is said."""
    said = words[language]
    path = Path(EXAMPLE) / "flow.yaml"
    main = read_draft(model.read(path), str(path)).flow.nodes["main"]
    assert isinstance(main, Menu)
    options = {option.words: option.key for option in main.options if option.words}
    digits = {word: key for word, key in digit_words(said[DIGITS]).items() if key in "0123459"}
    ways = {**EVERYWHERE, **options}
    menu = digits | {way: key for text, key in ways.items() for way in said[text]}
    confirmation = {way: key for text, key in CONFIRMATION.items() for way in said[text]}
    return [
        *(Case("option", way, key, menu) for text, key in options.items() for way in said[text]),
        *(Case("everywhere", way, key, menu) for text, key in EVERYWHERE.items() for way in said[text]),
        *(Case("digit", word, key, menu) for word, key in digits.items() if key in "12345"),
        *(Case("yes or no", way, key, confirmation) for text, key in CONFIRMATION.items() for way in said[text]),
        *(Case("other", said[text][0], None, menu) for text in OTHERS),
    ]


async def measure(
    engine: ScoringEngine, session: Any, spoken: Spoken, words: Words, language: str, below_db: int
) -> Result:
    """Return what was understood of all that is said in a language."""
    result, prepared = Result(), list[Mapping[str, str]]()
    for seed, case in enumerate(cases(words, language)):
        asked = Ask("line", 1, language, dict(case.words))
        if case.words not in prepared:
            await engine.prepare(asked)
            prepared.append(case.words)
        samples = in_noise(spoken.say(language, case.way), below_db, seed)
        found = await heard.first(engine, session, asked, samples)
        said = found.said
        result.took_ms.append(round(1000 * found.took_s))
        if case.key is None:
            result.taken += said.key is not None
            continue
        result.of[case.kind] = result.of.get(case.kind, 0) + 1
        result.right[case.kind] = result.right.get(case.kind, 0) + (said.key == case.key)
        if said.key != case.key:
            result.wrong.append(f"{case.way}: {said.key}")
    return result
