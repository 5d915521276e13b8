"""G.722 files: right in themselves, and clean from the first word on, whatever was played before."""

import numpy as np
import prompt_sites as sites
from numpy.typing import NDArray

from prompts import audio, g722, manifest

LEAD = round(manifest.G722_LEAD_S * g722.RATE)


def spoken(seconds: float = 1.0, hertz: float = 180.0) -> NDArray[np.int16]:
    """A prompt as the builder makes it."""
    sound = audio.finish(sites.speech(seconds, hertz=hertz).astype(np.float32), 48_000)
    return np.frombuffer(sound.sln16, dtype="<i2")


def decoded(*files: bytes) -> NDArray[np.float64]:
    """What is heard of the last of them, without its lead."""
    samples = np.frombuffer(g722.decode(*files), dtype="<i2").astype(np.float64)
    return samples[2 * sum(map(len, files[:-1])) + LEAD + g722.DELAY :]


def noise(heard: NDArray[np.float64], samples: NDArray[np.int16]) -> float:
    """dBFS of what is heard besides the prompt in its first 100 ms."""
    first = g722.RATE // 10
    return float(10 * np.log10(((heard[:first] - samples[:first]) ** 2).mean() / 2**30))


def test_a_file_is_the_lead_and_a_byte_for_two_samples() -> None:
    assert len(g722.encode(spoken().tobytes())) == (LEAD + len(spoken())) // 2
    assert len(g722.encode(b"")) == round(manifest.G722_LEAD_S * manifest.BYTES_S)


def test_what_is_decoded_is_what_was_encoded() -> None:
    samples = spoken()
    heard = decoded(g722.encode(samples.tobytes()))
    error = heard - samples[: len(heard)]
    assert 10 * np.log10((samples.astype(float) ** 2).mean() / (error**2).mean()) > 25


def test_a_prompt_begins_clean_after_another_one_that_ended_or_was_broken_off() -> None:
    samples = spoken(hertz=140)
    file, before = g722.encode(samples.tobytes()), g722.encode(spoken(2, hertz=210).tobytes())
    for played in (before, before[: len(before) // 2], before[: len(before) // 3]):
        found = noise(decoded(played, file), samples)
        assert found < audio.TARGET_LEVEL - 6
        without_lead = np.frombuffer(g722.decode(played, file[LEAD // 2 :]), dtype="<i2").astype(np.float64)
        assert found < noise(without_lead[2 * len(played) + g722.DELAY :], samples) - 10
