"""Recordings of what a telephone heard, placed in time; the clock is an argument here."""

from collections.abc import Iterator

import numpy as np
from baresip.errors import AudioNotActive
from levels import longest_silence, silences

from ivr.softphone.recording import LATE_S, Recording, Sound
from ivr.softphone.sound import tone, tone_share

PACKET = tone(1000, 0.02).tobytes()


def fed(times: Iterator[float] | list[float], recording: Recording | None = None) -> Recording:
    recording = recording or Recording()
    for time in times:
        recording.add(PACKET, time)
    return recording


def every_20_ms(start: float, seconds: float) -> list[float]:
    return [start + 0.02 * n for n in range(1, round(seconds / 0.02) + 1)]


def test_sound_in_time_is_recorded_unchanged() -> None:
    recording = fed(every_20_ms(100.0, 1.0))
    assert recording.clock(101.0) == 1.0
    assert len(recording.heard(0.25, None, 101.0)) == 6000
    assert len(recording.heard(0.25, 0.5, 101.0)) == 2000
    assert tone_share(recording.heard(0, None, 101.0), 1000) > 0.99


def test_uneven_arrival_is_not_silence() -> None:
    rng = np.random.default_rng(1)
    recording = fed([time + rng.uniform(0, LATE_S - 0.02) for time in every_20_ms(0, 2.0)])
    assert longest_silence(recording.heard(0, None, 2.0)).length_s == 0


def test_a_gap_without_packets_is_silence_of_its_length() -> None:
    recording = fed(every_20_ms(0, 1.0) + every_20_ms(1.5, 1.0))
    (gap,) = silences(recording.heard(0, None, 2.5), 0.1)
    assert abs(gap.start_s - 1.0) <= 0.02
    assert abs(gap.length_s - 0.5) <= 0.02
    assert recording.clock(2.5) == 2.5


def test_a_continuing_gap_is_silence_until_now() -> None:
    recording = fed(every_20_ms(0, 1.0))
    assert recording.clock(1.1) == 1.0  # only late, so far
    assert recording.clock(3.0) == 3.0
    assert longest_silence(recording.heard(0, None, 3.0)).length_s == 2.0
    assert len(recording.heard(0.5, 2.0, 3.0)) == 12000
    assert len(recording.heard(1.5, None, 3.0)) == 12000
    assert len(recording.heard(5.0, None, 3.0)) == 0


def test_sound_read_late_that_arrived_in_time_is_not_silence() -> None:
    recording = fed(every_20_ms(0, 1.0))
    recording.add(PACKET * 40, 1.8)
    assert longest_silence(recording.heard(0, None, 1.8)).length_s == 0


def test_a_burst_after_a_gap_does_not_hide_the_next_gap() -> None:
    recording = fed(every_20_ms(0, 1.0) + [1.5] * 25 + every_20_ms(1.5, 0.5) + every_20_ms(2.4, 0.5))
    first, second = silences(recording.heard(0, None, 2.9), 0.1)
    assert abs(first.length_s - 0.5) < 0.03
    assert 0.4 - LATE_S <= second.length_s <= 0.42


def test_silence_between_the_answer_and_the_first_sound_counts() -> None:
    recording = Recording()
    recording.begin(10.0)
    fed(every_20_ms(10.7, 0.5), recording)
    assert abs(longest_silence(recording.heard(0, None, 11.2)).length_s - 0.7) <= 0.02


def test_after_the_end_of_the_call_there_is_no_silence() -> None:
    recording = fed(every_20_ms(0, 1.0))
    recording.finish(1.05)
    assert recording.clock(60.0) == 1.0
    assert len(recording.heard(0, None, 60.0)) == 8000


class FakeStream:
    """The part of a call's sound that `Sound` uses."""

    def __init__(self) -> None:
        self.sent = b""
        self.up = True

    def read(self, max_bytes: int) -> bytes:
        if not self.up:
            raise AudioNotActive
        return b""

    def write(self, pcm: bytes) -> int:
        self.sent += pcm[:1000]  # its buffer is small
        return min(len(pcm), 1000)

    def flush_tx(self) -> None:
        self.sent = b""


def test_a_tone_is_sent_without_a_gap_and_not_far_ahead() -> None:
    stream = FakeStream()
    sound = Sound(stream)
    sound.speaker.play(tone(1000, 1.0), again=True)
    for visit in range(100):
        sound.visit(visit * 0.04)
    sent = np.frombuffer(stream.sent, np.int16)
    assert 3.96 <= len(sent) / 8000 <= 3.96 + 0.65
    assert (sent == np.resize(tone(1000, 1.0), len(sent))).all()


def test_samples_played_once_end() -> None:
    stream = FakeStream()
    sound = Sound(stream)
    sound.speaker.play(tone(1000, 0.5), again=False)
    for visit in range(100):
        sound.visit(visit * 0.04)
    assert stream.sent == tone(1000, 0.5).tobytes()


def test_visiting_a_call_without_sound_yet_does_nothing() -> None:
    stream = FakeStream()
    stream.up = False
    sound = Sound(stream)
    sound.visit(1.0)
    assert sound.recording.clock(1.0) == 0
