"""The naturalness of audio: pitch, pauses and clicks are found where a signal has them; faults are named."""

from dataclasses import replace

import numpy as np
import pytest

from bench.naturalness import clip
from bench.naturalness.__main__ import Summary, faults, sounds_of

VOICE = Summary("sounds", "nl", "kokoro", 40, 3.4, 3.1, 190, 9.0, 12.0, (-20.1, -19.9), 0, -60.0)


def tone(hertz: float, seconds: float) -> clip.Samples:
    """A tone with its second and third harmonic, faded in and out."""
    time = np.arange(round(seconds * clip.RATE)) / clip.RATE
    sound = sum(np.sin(2 * np.pi * hertz * harmonic * time) / harmonic for harmonic in (1, 2, 3))
    faded: clip.Samples = 0.2 * sound * np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
    return faded


@pytest.mark.parametrize("hertz", [90.0, 150.0, 220.0, 330.0])
def test_the_pitch_is_that_of_the_tone(hertz: float) -> None:
    pitches = clip.measure(tone(hertz, 0.5)).pitches
    assert len(pitches) > 30
    assert np.median(pitches) == pytest.approx(hertz, rel=0.02)


def test_a_pause_is_no_speech_and_a_closure_is() -> None:
    pause, closure = np.zeros(round(0.4 * clip.RATE)), np.zeros(round(0.06 * clip.RATE))
    samples = np.concatenate((tone(150, 1.0), pause, tone(150, 0.5), closure, tone(150, 0.5)))
    assert clip.measure(samples).speech_s == pytest.approx(2.06, abs=0.05)


def test_a_splice_in_a_wave_is_a_click_and_speech_is_none() -> None:
    smooth = tone(150, 1.0)
    assert clip.measure(smooth).clicks == 0
    spliced = smooth.copy()
    spliced[8_000] += 0.4
    assert clip.measure(spliced).clicks == 1


def test_a_clip_that_begins_loudly_is_found() -> None:
    assert clip.measure(tone(150, 0.5)).edge_dbfs < -25
    assert clip.measure(tone(150, 0.5)[1_000:]).edge_dbfs > -20


def test_a_language_that_is_slower_than_the_others_is_a_fault() -> None:
    voices = [replace(VOICE, language=language) for language in ("de", "fr", "it")]
    assert faults(voices) == []
    slow = replace(VOICE, sounds_s=9.0)
    assert faults([*voices, slow]) == ["nl, kokoro: 9.0 sounds a second; the mean of all languages is 11.2"]
    assert faults([replace(VOICE, clicks=2, edge_dbfs=-30.0)]) == [
        "nl, kokoro: 2 clicks",
        "nl, kokoro: a clip begins or ends at -30.0 dBFS",
    ]


def test_sounds_are_counted_without_stress_and_length() -> None:
    assert sounds_of("Paspoort", "nl") == 7
