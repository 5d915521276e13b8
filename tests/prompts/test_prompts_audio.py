"""The sound of prompts: G.711, loudness, trimming, and typical mistakes of a studio."""

from pathlib import Path

import numpy as np
import prompt_sites as sites
import pytest

from prompts import audio, g711

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
    silence = np.zeros(2 * audio.NARROW, dtype=np.float32)
    alone = audio.active_level(spoken, audio.NARROW)
    assert audio.active_level(np.concatenate([spoken, silence, spoken]), audio.NARROW) == pytest.approx(alone, abs=0.5)
    assert audio.active_level(silence, audio.NARROW) == -np.inf


@pytest.mark.parametrize("level", [0.01, 0.1, 0.9])
def test_loud_and_quiet_recordings_end_equally_loud(level: float) -> None:
    sound = audio.finish(sites.speech(level=level).astype(np.float32), 48_000)
    for samples, rate in (
        (g711.from_ulaw(sound.ulaw), audio.NARROW),
        (g711.from_alaw(sound.alaw), audio.NARROW),
        (np.frombuffer(sound.sln16, dtype="<i2"), audio.WIDE),
    ):
        assert audio.active_level(audio.from_int16(samples), rate) == pytest.approx(audio.TARGET_LEVEL, abs=1.5)


def test_peaks_are_limited_and_the_level_stays() -> None:
    spoken = sites.speech(2)
    spoken[40_000:40_100] *= 40
    sound = audio.finish(spoken.astype(np.float32), 48_000)
    wide = audio.from_int16(np.frombuffer(sound.sln16, dtype="<i2"))
    assert np.abs(wide).max() < 0.9
    assert audio.active_level(wide, audio.WIDE) == pytest.approx(audio.TARGET_LEVEL, abs=1.5)


def test_silence_is_cut_at_the_ends_only() -> None:
    silence = np.zeros(48_000)
    spoken = np.concatenate([silence, sites.speech(1), silence[:24_000], sites.speech(1), silence])
    sound = audio.finish(spoken.astype(np.float32), 48_000)
    assert len(sound.ulaw) / audio.NARROW == pytest.approx(2.5 + 2 * audio.KEPT_SILENCE, abs=0.03)
    assert len(sound.ulaw) * 4 == len(sound.alaw) * 4 == len(sound.sln16)


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
