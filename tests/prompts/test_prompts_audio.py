"""The sound of prompts: G.711, loudness, trimming, and typical mistakes of a studio."""

from pathlib import Path

import numpy as np
import prompt_sites as sites
import pytest
from numpy.typing import NDArray

from prompts import audio, g711, loudness, manifest

# ITU-T G.711, tables 1a and 2a: decision value of each segment's first interval, its code (bits in transmission order,
# A-law before its even bits are inverted) and its output value, on the recommendation's scales of 12 and 13 bits.
ALAW_TABLE = (
    (3968, 0b11111111, 4032), (2048, 0b11110000, 2112), (1024, 0b11100000, 1056), (512, 0b11010000, 528),
    (256, 0b11000000, 264), (128, 0b10110000, 132), (64, 0b10100000, 66), (0, 0b10000000, 1),
)  # fmt: skip
ULAW_TABLE = (
    (7903, 0b10000000, 8031), (4063, 0b10001111, 4191), (2015, 0b10011111, 2079), (991, 0b10101111, 1023),
    (479, 0b10111111, 495), (223, 0b11001111, 231), (95, 0b11011111, 99), (31, 0b11101111, 33), (1, 0b11111110, 2),
    (0, 0b11111111, 0),
)  # fmt: skip


@pytest.mark.parametrize("decision, code, output", ALAW_TABLE)
def test_alaw_has_the_codes_and_values_of_g711(decision: int, code: int, output: int) -> None:
    positive = bytes([code ^ 0x55])
    negative = bytes([code ^ 0x55 ^ 0x80])
    assert g711.alaw(np.array([decision * 8, output * 8], dtype=np.int16)) == positive * 2
    assert g711.alaw(np.array([-decision * 8 - 1, -output * 8], dtype=np.int16)) == negative * 2
    assert list(g711.from_alaw(positive + negative)) == [output * 8, -output * 8]


@pytest.mark.parametrize("decision, code, output", ULAW_TABLE)
def test_ulaw_has_the_codes_and_values_of_g711(decision: int, code: int, output: int) -> None:
    positive = bytes([code])
    negative = bytes([code ^ 0x80])
    assert g711.ulaw(np.array([decision * 4, output * 4], dtype=np.int16)) == positive * 2
    assert g711.ulaw(np.array([-decision * 4 - 1, -output * 4 - 1], dtype=np.int16)) == negative * 2
    assert list(g711.from_ulaw(positive + negative)) == [output * 4, -output * 4]


def test_g711_survives_encoding_again() -> None:
    codes = bytes(range(256))
    assert g711.alaw(g711.from_alaw(codes)) == codes
    assert g711.ulaw(g711.from_ulaw(codes)) == codes.replace(b"\x7f", b"\xff")  # minus zero is zero


def test_pauses_do_not_count_as_quiet_speech() -> None:
    spoken = sites.speech(2, audio.NARROW).astype(np.float32)
    pause = np.zeros(2 * audio.NARROW, dtype=np.float32)
    alone = loudness.active_level(spoken, audio.NARROW)
    assert loudness.active_level(np.concatenate([spoken, pause, spoken]), audio.NARROW) == pytest.approx(alone, abs=0.5)
    assert loudness.active_level(pause, audio.NARROW) == -np.inf


@pytest.mark.parametrize("level", [0.01, 0.1, 0.9])
def test_loud_and_quiet_recordings_end_equally_loud(level: float) -> None:
    sound = audio.finish(sites.speech(level=level).astype(np.float32), 48_000)
    for samples, rate in (
        (g711.from_ulaw(sound.ulaw), audio.NARROW),
        (g711.from_alaw(sound.alaw), audio.NARROW),
        (np.frombuffer(sound.sln16, dtype="<i2"), audio.WIDE),
    ):
        assert loudness.loudness(audio.from_int16(samples), rate) == pytest.approx(loudness.TARGET, abs=0.5)


def test_short_clips_put_together_are_as_loud_as_long_ones() -> None:
    clips = [finished(sites.speech(seconds, hertz=hertz)) for seconds, hertz in ((0.3, 150), (0.8, 220), (2.9, 120))]
    together = np.concatenate([g711.from_ulaw(clip.ulaw) for clip in clips])
    for samples in (together, g711.from_ulaw(finished(sites.speech(3.1)).ulaw)):
        assert loudness.loudness(audio.from_int16(samples), audio.NARROW) == pytest.approx(loudness.TARGET, abs=0.5)


def test_loudness_is_that_of_bs_1770() -> None:
    """A sine of 997 Hz at full scale has -3.01 LUFS (ITU-R BS.1770, annex 1)."""
    time = np.arange(48_000 * 5) / 48_000
    sine = np.sin(2 * np.pi * 997 * time).astype(np.float32)
    assert loudness.loudness(sine, 48_000) == pytest.approx(-3.01, abs=0.05)
    assert loudness.loudness(sine[: 48_000 // 5], 48_000) == pytest.approx(-3.01, abs=0.1)
    assert loudness.loudness(np.zeros(800, dtype=np.float32), 8_000) == -np.inf


def test_peaks_are_limited_and_the_level_stays() -> None:
    spoken = sites.speech(2)
    spoken[40_000:40_100] *= 40
    sound = audio.finish(spoken.astype(np.float32), 48_000)
    wide = audio.from_int16(np.frombuffer(sound.sln16, dtype="<i2"))
    assert np.abs(wide).max() < 0.9
    assert loudness.loudness(wide, audio.WIDE) == pytest.approx(loudness.TARGET, abs=0.5)


def test_silence_is_cut_at_the_ends_only() -> None:
    sound = finished(silence(1), sites.speech(1), silence(0.5), sites.speech(1), silence(1))
    assert seconds(sound) == pytest.approx(2.5 + 2 * manifest.KEPT_S, abs=0.03)
    assert len(sound.ulaw) * 4 == len(sound.alaw) * 4 == len(sound.sln16)


def seconds(sound: audio.Sound) -> float:
    return len(sound.ulaw) / audio.NARROW


def noise(seconds: float, level: float) -> NDArray[np.float64]:
    """Return noise at 48 kHz of this level in dB relative to that of `sites.speech`."""
    samples = np.random.default_rng(1).standard_normal(round(48_000 * seconds))
    return samples * 10 ** ((loudness.active_level(sites.speech().astype(np.float32), 48_000) + level) / 20)


def silence(seconds: float) -> NDArray[np.float64]:
    return np.zeros(round(48_000 * seconds))


def finished(*parts: NDArray[np.float64]) -> audio.Sound:
    return audio.finish(np.concatenate(parts).astype(np.float32), 48_000)


def test_what_a_voice_adds_after_a_sentence_is_cut() -> None:
    """SVOX Pico's Italian and Spanish: half a second of faint noise, a click, and more noise."""
    added = (noise(0.5, -55), noise(0.02, -26), noise(0.5, -46))
    assert seconds(finished(silence(0.05), sites.speech(), *added)) == pytest.approx(1 + 2 * manifest.KEPT_S, abs=0.03)
    assert seconds(finished(*added, sites.speech())) == pytest.approx(1 + manifest.KEPT_S, abs=0.03)


@pytest.mark.parametrize("level", [-70, -40, -25])
def test_a_studio_s_noise_around_the_speech_is_cut_as_silence_is(level: float) -> None:
    spoken = np.concatenate([silence(0.5), sites.speech(), silence(0.5)]) + noise(2, level)
    assert seconds(finished(spoken)) == pytest.approx(1 + 2 * manifest.KEPT_S, abs=0.06)


@pytest.mark.parametrize(
    "ending",
    [
        [noise(0.15, -36)],  # a weak f
        [noise(0.08, -36), noise(0.04, -42)],  # an f that fades
        [silence(0.07), noise(0.04, -32)],  # a t: the mouth is closed, then a burst
        [noise(0.1, -32), silence(0.09), noise(0.02, -38)],  # an s and a t
    ],
)
def test_a_weak_consonant_at_either_end_is_kept(ending: list[NDArray[np.float64]]) -> None:
    length = 1 + sum(len(part) for part in ending) / 48_000
    for parts in ([sites.speech(), *ending, silence(0.6)], [silence(0.6), *ending[::-1], sites.speech()]):
        assert seconds(finished(*parts)) > length - 0.02


def test_a_clip_begins_and_ends_without_a_click() -> None:
    for parts in ([sites.speech()], [silence(0.3), sites.speech(), noise(0.3, -30)]):
        samples = audio.from_int16(np.frombuffer(finished(*parts).sln16, dtype="<i2"))
        for end in (samples, samples[::-1]):
            assert np.abs(end[0]) < 0.001
            assert np.abs(np.diff(end[:16])).max() < 0.02


def test_recordings_of_16_and_24_bit_sound_the_same(tmp_path: Path) -> None:
    spoken = sites.speech()
    narrow, _ = audio.read_recording(sites.wav(tmp_path / "16.wav", spoken))
    wide, rate = audio.read_recording(sites.wav(tmp_path / "24.wav", spoken, width=3))
    assert rate == 48_000
    assert np.abs(narrow - wide).max() < 1e-4


def test_each_mistake_of_a_studio_is_reported(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(audio.AudioError) as error:
            audio.finish(*audio.read_recording(path))
        return str(error.value)

    assert "2 channels" in refused(sites.wav(tmp_path / "a.wav", sites.speech(), channels=2))
    assert "sample rate of 8000 Hz" in refused(sites.wav(tmp_path / "b.wav", sites.speech(rate=8_000), rate=8_000))
    assert "clipped" in refused(sites.wav(tmp_path / "c.wav", 4 * sites.speech(level=0.9)))
    assert "empty" in refused(sites.wav(tmp_path / "d.wav", sites.speech(0)))
    assert "silent" in refused(sites.wav(tmp_path / "e.wav", np.zeros(48_000)))
    assert "8 bit" in refused(sites.wav(tmp_path / "f.wav", sites.speech(), width=1))
    (tmp_path / "g.wav").write_bytes(b"ID3 this is an MP3")
    assert "PCM WAV file" in refused(tmp_path / "g.wav")
    (tmp_path / "h.wav").write_bytes(b"")
    assert "the file is truncated" in refused(tmp_path / "h.wav")
