"""Kokoro speaks: the engine on its own, and with the real model."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from prompts import audio, loudness
from prompts.voices import Limits, Voice, kokoro
from prompts.voices.kokoro import download, engine, styles, symbols
from prompts.voices.kokoro.model import LONGEST, RATE, style
from prompts.voices.process import VoiceError, VoicePool

SENTENCES = {
    "fr": "Votre demande a été reçue.",
    "ar": "مَرْحَبًا بِكُمْ.",
}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real model, fetched into the user's cache as the command does it; 63 MB the first time."""
    return download.install(tmp_path_factory.mktemp("administrator"))


def pitches(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Return the pitch in Hz of each voiced twentieth of a second, by autocorrelation."""
    size, found = rate // 20, []
    shortest, longest = rate // 500, rate // 60
    for start in range(0, len(samples) - size, size):
        frame = samples[start : start + size].astype(np.float64)
        same = np.correlate(frame, frame, "full")[size - 1 :]
        lag = shortest + int(np.argmax(same[shortest:longest]))
        if same[0] > 1e-3 * size and same[lag] > 0.5 * same[0]:
            found.append(rate / lag)
    return np.array(found)


def test_the_real_model_speaks_a_sentence_like_a_person_and_always_the_same(model: Path) -> None:
    with VoicePool(120) as pool:
        for language, text in SENTENCES.items():
            voice = kokoro.voice(language, model.parent)
            spoken, rate = pool.speak(voice, text)
            assert rate == RATE
            sound = audio.from_int16(spoken)
            level = loudness.active_level(sound, rate)
            first, last = audio.speech_bounds(sound, rate, level)
            assert 9 < len(text) / ((last - first) / rate) < 25, "letters a second"
            assert -35 < level < -10
            assert np.abs(sound).max() < 1
            heard = pitches(sound[first:last], rate)
            assert 80 < np.median(heard) < 320
            low, high = np.percentile(heard, [10, 90])
            assert 1.1 < high / low < 3, "a melody"
            audio.finish(sound, rate)
        again, _ = pool.speak(voice, text)
        assert np.array_equal(again, spoken)
        assert sum(map(len, pool._idle.values())) == 1, "one process speaks all languages"


def test_a_text_of_many_sentences_has_a_pause_at_each_joint_and_no_click() -> None:
    time_s = np.arange(RATE) / RATE
    silence = np.zeros(round(0.4 * RATE), np.float32)
    part = np.concatenate([silence, (0.3 * np.sin(2 * np.pi * 200 * time_s)).astype(np.float32), silence])
    joined = engine.join([part, part])
    quiet = np.abs(joined) < 0.001
    assert len(joined) / RATE == pytest.approx(2 + engine.PAUSE + 2 * engine.KEPT, abs=0.03)
    middle = joined[round(1.1 * RATE) : round(1.3 * RATE)]
    assert quiet[round(1.1 * RATE) : round(1.3 * RATE)].all(), np.abs(middle).max()
    assert np.abs(np.diff(joined)).max() < 0.05
    assert engine.join([part]) is part


@pytest.mark.parametrize("mark", [". ", ", ", " ", ""])
def test_long_texts_are_split_at_the_best_places_and_nothing_is_lost(mark: str) -> None:
    spoken = mark.join(["a" * 60] * 20)
    parts = list(engine.split(spoken))
    assert all(len(part) <= LONGEST for part in parts)
    assert len(parts) <= 2 * len(spoken) / LONGEST + 1
    assert "".join(parts).replace(" ", "") == spoken.replace(" ", "")
    if mark.strip():
        assert all(part.endswith(mark.strip()) for part in parts[:-1])


def test_a_symbol_that_the_model_does_not_have_is_an_error() -> None:
    assert symbols.tokens("ʃˈa.") == [131, 156, 43, 4]
    with pytest.raises(ValueError, match=r"the model has no symbol ħ \(U\+0127\), ʕ \(U\+0295\)"):
        symbols.tokens("ʕaħ")


def test_languages_can_change_where_the_path_of_espeak_ng_s_data_is_too_long_for_it() -> None:
    program = (
        "from prompts.voices import espeak_library; espeak_library.LONGEST_DATA_PATH = 1;"
        "from prompts.voices.kokoro import latin; print(*(latin.symbols('Ja.', language) for language in ('nl', 'de')))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert [word[0] for word in said.split()] == ["j", "j"]


def test_each_language_has_a_style_and_together_they_have_under_two_megabytes() -> None:
    assert all(style(language).shape == (styles.ROWS, styles.WIDTH) for language in kokoro.SPEEDS)
    assert all(np.isfinite(style(language)).all() for language in kokoro.SPEEDS)
    assert sum(file.stat().st_size for file in {styles.file(language) for language in kokoro.SPEEDS}) < 2_000_000


def test_an_engine_that_computes_much_has_one_process_and_a_limit_of_memory() -> None:
    voice = Voice("heavy", "prompt_engine", "voice", limits=Limits(memory=300_000_000, seconds=60))
    with VoicePool(0.001) as pool:  # too short for any process to start: the voice's own limit counts
        with pytest.raises(VoiceError, match="MemoryError"):
            pool.speak(voice, "greedy")
        threads = [threading.Thread(target=pool.speak, args=(voice, "hello")) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(idle) for idle in pool._idle.values()] == [1]


def test_a_model_that_is_not_the_right_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"something else")
    voice = Voice("kokoro", "prompts.voices.kokoro.engine", f"fr:{tmp_path / 'model'}")
    with VoicePool(60) as pool, pytest.raises(VoiceError, match=r"refused: .* is damaged or another model; remove it"):
        pool.speak(voice, "Bonjour.")
