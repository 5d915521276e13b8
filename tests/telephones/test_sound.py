"""Measurements of `ivr.softphone.sound` on known signals."""

from pathlib import Path

import numpy as np
import pytest
from levels import Silence, decode_ulaw, encode_ulaw, level_dbfs, longest_silence, read_ulaw, silences

from ivr.softphone.sound import RATE, SAME, Samples, find, has_tone, tone, tone_share


def prompt(seed: int, seconds: float = 2.0) -> Samples:
    """Return a signal like speech: syllables of a voice with overtones and hiss, different for each seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    syllables = np.repeat(rng.uniform(0, 1, int(seconds * 6) + 1), RATE // 6)[: len(time)] ** 2
    pitch = 2 * np.pi * np.cumsum(np.repeat(rng.uniform(90, 220, int(seconds * 6) + 1), RATE // 6)[: len(time)]) / RATE
    voice = sum(np.sin(pitch * k + rng.uniform(0, 6)) * rng.uniform(0, 1) / k for k in range(1, 15))
    return np.rint(syllables * (voice + rng.normal(0, 0.2, len(time))) * 3000).clip(-32768, 32767).astype(np.int16)


def noise(seconds: float, level: float = 50) -> Samples:
    return np.rint(np.random.default_rng(9).normal(0, level, int(seconds * RATE))).astype(np.int16)


def as_heard(samples: Samples) -> Samples:
    """Return the samples at half the level, with noise around and in them, through µ-law."""
    padded = np.concatenate([noise(0.7), samples // 2, noise(1.1)])
    return decode_ulaw(encode_ulaw(padded + noise(len(padded) / RATE)))


def test_a_full_scale_sine_has_minus_three_decibel_and_silence_minus_96() -> None:
    assert level_dbfs(tone(1000, 1.0, dbfs=-3.01)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(np.zeros(800, np.int16)) == level_dbfs(np.zeros(0, np.int16)) == -96


def test_ulaw_follows_the_standard() -> None:
    assert decode_ulaw(bytes([0x00, 0x80, 0xFF, 0x7F, 0xFE, 0x90])).tolist() == [-32124, 32124, 0, 0, 8, 15996]
    assert encode_ulaw(decode_ulaw(bytes(range(256)))) == bytes(range(256)).replace(b"\x7f", b"\xff")
    everything = np.arange(-32124, 32125, dtype=np.int16)
    error = np.abs(decode_ulaw(encode_ulaw(everything)).astype(int) - everything)
    assert (error <= np.abs(everything.astype(int)) / 32 + 132 / 32).all()


@pytest.mark.parametrize("frequency", [440, 1004, 1234.5, 1700, 3100])
def test_a_tone_is_heard_through_ulaw_and_noise(frequency: float) -> None:
    heard = decode_ulaw(encode_ulaw(tone(frequency, 0.5)))
    assert tone_share(heard, frequency) > 0.99
    assert has_tone(heard + noise(0.5, 1500), frequency)
    assert not has_tone(heard, frequency + 60)


def test_noise_speech_and_silence_are_not_tones() -> None:
    assert tone_share(noise(1.0, 3000), 1700) < 0.05
    assert tone_share(prompt(1), 1700) < 0.1
    assert tone_share(np.zeros(RATE, np.int16), 1700) == 0
    assert tone_share(np.zeros(10, np.int16), 1700) == 0


def test_a_prompt_is_found_where_it_is() -> None:
    match = find(as_heard(prompt(1)), prompt(1))
    assert match.same
    assert match.score > 0.9
    assert match.offset_s == pytest.approx(0.7, abs=0.001)


def test_a_different_prompt_does_not_match() -> None:
    for other in range(2, 12):
        assert find(as_heard(prompt(1)), prompt(other)).score < SAME


def test_a_prompt_is_found_even_if_a_hang_up_cut_its_end() -> None:
    match = find(prompt(1)[:-2000], prompt(1))
    assert match.score > 0.9
    assert match.offset_s == 0


def test_a_prompt_is_found_even_if_its_beginning_is_missing() -> None:
    assert find(prompt(1)[2000:], prompt(1)).offset_s == -0.25


def test_a_prompt_is_found_even_if_it_stalled_in_the_middle() -> None:
    whole = as_heard(prompt(1, 3.0))
    middle = int(0.7 * RATE) + len(prompt(1, 3.0)) // 2
    assert find(np.concatenate([whole[:middle], np.zeros(1600, np.int16), whole[middle:]]), prompt(1, 3.0)).same


def stalled(whole: Samples, times: int) -> Samples:
    """Return the samples with that many stalls of 0.1 s."""
    pieces = np.array_split(whole, times + 1)
    return np.concatenate([pieces[0], *(np.append(np.zeros(800, np.int16), piece) for piece in pieces[1:])])


@pytest.mark.parametrize("times", [2, 3, 4])
def test_a_long_prompt_is_found_even_if_it_stalled_several_times(times: int) -> None:
    match = find(stalled(as_heard(prompt(1, 6.0)), times), prompt(1, 6.0))
    assert match.same
    assert match.offset_s == pytest.approx(0.7, abs=0.5)


def test_a_different_long_prompt_that_stalled_does_not_match() -> None:
    for other in range(2, 12):
        assert find(stalled(as_heard(prompt(1, 6.0)), 3), prompt(other, 6.0)).score < SAME


def test_nothing_is_found_in_silence_or_in_too_little() -> None:
    assert find(np.zeros(5 * RATE, np.int16), prompt(1)).score == 0
    assert find(prompt(1)[:100], prompt(1)).score < SAME
    assert find(np.zeros(0, np.int16), prompt(1)).score == 0
    assert find(prompt(1), np.zeros(0, np.int16)).score == 0


def test_silences_are_measured_to_ten_milliseconds() -> None:
    heard = np.concatenate([tone(1000, 0.5), noise(0.3, 20), tone(1000, 0.5), np.zeros(4000, np.int16)])
    first, last = silences(heard)
    assert first == pytest.approx((0.5, 0.3))
    assert last == pytest.approx((1.3, 0.5))
    assert longest_silence(heard) == last
    assert silences(heard, min_s=0.4) == [last]


def test_without_silence_the_longest_silence_has_length_zero() -> None:
    assert longest_silence(tone(1000, 1.0)) == Silence(0.0, 0.0)
    assert longest_silence(np.zeros(0, np.int16)) == Silence(0.0, 0.0)


def test_a_file_is_read_as_asterisk_plays_it(tmp_path: Path) -> None:
    narrow = tmp_path / "a.ulaw"
    narrow.write_bytes(encode_ulaw(tone(1000, 1.0)))
    assert tone_share(read_ulaw(narrow), 1000) > 0.99
