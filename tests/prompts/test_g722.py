"""G.722 files are correct, and clean from the first word, whatever was played before."""

import numpy as np
import prompt_sites as sites
from numpy.typing import NDArray

from prompts import audio, g722, loudness, manifest

LEAD = round(manifest.G722_LEAD_S * g722.RATE)


def spoken(seconds: float = 1.0, hertz: float = 180.0) -> NDArray[np.int16]:
    """Return a prompt as the builder makes it."""
    sound = audio.finish(sites.speech(seconds, hertz=hertz).astype(np.float32), 48_000)
    return np.frombuffer(sound.sln16, dtype="<i2")


def decoded(*files: bytes) -> NDArray[np.float64]:
    """Return what is heard of the last file, without its lead."""
    samples = np.frombuffer(g722.decode(*files), dtype="<i2").astype(np.float64)
    return samples[2 * sum(map(len, files[:-1])) + LEAD + g722.DELAY :]


def noise(heard: NDArray[np.float64], samples: NDArray[np.int16]) -> float:
    """Return the level in dBFS of everything but the prompt in its first 100 ms."""
    first = g722.RATE // 10
    return float(10 * np.log10(((heard[:first] - samples[:first]) ** 2).mean() / 2**30))


def test_a_file_has_the_lead_and_one_byte_per_two_samples() -> None:
    assert len(g722.encode(spoken().tobytes())) == (LEAD + len(spoken())) // 2
    assert len(g722.encode(b"")) == round(manifest.G722_LEAD_S * manifest.BYTES_S)


def test_decoding_returns_the_encoded_sound() -> None:
    samples = spoken()
    heard = decoded(g722.encode(samples.tobytes()))
    error = heard - samples[: len(heard)]
    assert 10 * np.log10((samples.astype(float) ** 2).mean() / (error**2).mean()) > 25


def test_a_prompt_begins_without_noise_after_another_that_ended_or_was_interrupted() -> None:
    samples = spoken(hertz=140)
    file, before = g722.encode(samples.tobytes()), g722.encode(spoken(2, hertz=210).tobytes())
    for played in (before, before[: len(before) // 2], before[: len(before) // 3]):
        found = noise(decoded(played, file), samples)
        assert found < loudness.rms(audio.from_int16(samples)) - 5
        without_lead = np.frombuffer(g722.decode(played, file[LEAD // 2 :]), dtype="<i2").astype(np.float64)
        assert found < noise(without_lead[2 * len(played) + g722.DELAY :], samples) - 8
