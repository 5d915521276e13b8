"""What the packaged recogniser takes for an option, through the real gate; figures are in docs/speech.md."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.speech import heard, menus, sounds
from bench.speech.packaged import ExampleFinder
from bench.speech.spoken import QUICK, Spoken
from ivr.home.settings import EXAMPLE
from prompts import catalogue
from speech.gate import silero_session
from speech.models import Models
from speech.protocol import Ask
from speech.scoring import Scorer, ScoringEngine
from speech.understood import Understood

pytest_plugins = ["speech_models"]


class Ears:
    """The recogniser, which learns what each language's callers may say once, and their voice."""

    def __init__(self, models: Models, kept: Path) -> None:
        self._scorer, self._executor = Scorer(models.packaged().folder, 1), ThreadPoolExecutor(1)
        self._session, self.spoken = silero_session(), Spoken(QUICK, Path(), kept)
        self._words, self._finder = catalogue.load(Path(EXAMPLE)).words, ExampleFinder()
        self._engines: dict[str, ScoringEngine] = {}

    async def hear(self, language: str, sound: sounds.Sound, kind: str = "option") -> Understood:
        """Return what is understood at the main menu; `kind`: of a case, or `anything`."""
        words = next((dict(case.words) for case in menus.cases(self._words, language) if case.kind == kind), {})
        asked = Ask("line", 1, language, words, anything=kind == "anything")
        if (engine := self._engines.get(language)) is None:
            engine = self._engines[language] = ScoringEngine(self._scorer, language, self._executor, self._finder)
        await engine.prepare(asked)
        samples = menus.in_noise(sound, 40, 1, 1.2)
        return (await heard.first(engine, self._session, asked, samples)).said

    def say(self, language: str, text: str) -> sounds.Sound:
        return self.spoken.say(language, text)

    def close(self) -> None:
        self._executor.shutdown()


@pytest.fixture(scope="module")
def ears(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ears]:
    found = Ears(models, tmp_path_factory.mktemp("spoken"))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("language", "text", "kind", "key"),
    [
        ("es", "documentos", "option", "2"),
        pytest.param("it", "un appuntamento", "option", "4", marks=pytest.mark.long),
        ("en", "yes", "yes or no", "1"),
        ("es", "número tres", "digit", "3"),
    ],
)
async def test_an_option_is_understood(ears: Ears, language: str, text: str, kind: str, key: str) -> None:
    assert (await ears.hear(language, ears.say(language, text), kind)).key == key


async def test_a_question_in_a_callers_own_words_is_understood(ears: Ears) -> None:
    asked = ears.say("es", "quiero un visado para Marruecos")
    assert (await ears.hear("es", asked, "anything")).found[0] == "visa"


async def test_what_is_no_answer_is_not_taken_for_one(ears: Ears) -> None:
    noise = np.random.default_rng(1).normal(0, sounds.LEVEL, 2 * sounds.RATE)
    tones: Any = sum(np.sin(2 * np.pi * f * np.arange(2 * sounds.RATE) / sounds.RATE) for f in (262, 330, 392))
    for sound in (noise, sounds.at_level(tones), np.zeros(sounds.RATE)):
        assert (await ears.hear("es", sound)).key is None
        assert (await ears.hear("es", sound, "anything")).found == ()
