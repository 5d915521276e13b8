"""`python -m bench.speech.gates [--json]`: which gate finds where callers speak, in noise and with a prompt's echo.

Six words in each of seven languages, spoken by the quick voices, in white noise 40, 20 and 10 dB below them; and a
minute of prompts that come back as an echo while nobody speaks. `talk_detect` has the rule of Asterisk's TALK_DETECT
(the mean amplitude of 20 ms), not the function itself. `webrtcvad` is only tried if that package is installed.
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.speech import sounds
from ivr.home.settings import EXAMPLE
from prompts import catalogue
from prompts.voices import voice_of
from prompts.voices.process import VoicePool
from speech.gate import FRAME_S, Detector, Gate, Silero, Sound, silero_session

IDS = ("words_main_documents", "words_main_urgent", "words_operator", "words_yes")
EACH = 6
NOISES_DB = (40, 20, 10)
ECHOES_DB = (-40, -30, -24, -18, -12)
LATE_S = 0.3
"""A start that is found later than this is missed: the recogniser gets 300 ms from before."""
_BEFORE_S, _AFTER_S = 1.0, 1.0
_STEP = round(sounds.RATE * FRAME_S)
_TALKING = 256
"""The mean amplitude above which Asterisk's TALK_DETECT takes a frame for talk, by default."""


class TalkDetect:
    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        return float(np.abs(frame.astype(np.int32)).mean()) > _TALKING


class WebRtc:
    def __init__(self, mode: int) -> None:
        import webrtcvad  # type: ignore[import-not-found]

        self._vad = webrtcvad.Vad(mode)

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        return bool(self._vad.is_speech(frame.tobytes(), sounds.RATE))


def run(make: Callable[[], Detector], samples: NDArray[np.int16], *, sounding: bool) -> list[tuple[float, Sound]]:
    """Return when what happened, in seconds."""
    gate = Gate(make())
    gate.sounding = sounding
    found: list[tuple[float, Sound]] = []
    for number in range(len(samples) // _STEP):
        what = gate.feed(samples[number * _STEP : (number + 1) * _STEP].tobytes())
        if what not in (Sound.NOTHING, Sound.GOES_ON):
            found.append(((number + 1) * FRAME_S, what))
    return found


def in_noise(make: Callable[[], Detector], said: list[sounds.Utterance], below_db: int) -> dict[str, float]:
    right = cut = false = 0
    late: list[float] = []
    for seed, utterance in enumerate(said):
        before, after = round(_BEFORE_S * sounds.RATE), round(_AFTER_S * sounds.RATE)
        samples = np.concatenate((np.zeros(before), utterance.sound, np.zeros(after)))
        heard = sounds.as_sent(samples + sounds.noise(len(samples), below_db, seed))
        found = run(make, heard, sounding=False)
        began = [at for at, what in found if what is Sound.BEGINS]
        false += sum(at < _BEFORE_S for at in began)
        first = next((at for at in began if at >= _BEFORE_S), None)
        ends = _BEFORE_S + len(utterance.sound) / sounds.RATE
        if first is not None and first - _BEFORE_S <= LATE_S:
            right += 1
            late.append(first - _BEFORE_S)
            end = next((at for at, what in found if what is not Sound.BEGINS and at > first), ends)
            cut += end < ends - 0.1
    return {
        "found": right,
        "of": len(said),
        "cut": cut,
        "false": false,
        "late_ms": round(1000 * float(np.median(late))) if late else -1,
    }


def prompts(seconds: float = 60.0) -> sounds.Sound:
    """Return prompts of the example site, one after the other."""
    texts, parts, length = catalogue.load(Path(EXAMPLE)), list[sounds.Sound](), 0.0
    with VoicePool(sounds.TIME_LIMIT) as pool:
        for prompt in (name for name in texts.ids if name.startswith(("help_", "wait", "to_", "closed", "menus_"))):
            for language in ("fr", "en", "de"):
                text = texts.text(language, prompt)
                if text is None or length >= seconds:
                    continue
                samples, rate = pool.speak(voice_of(language), text)
                raw = np.frombuffer(samples, "<i2") if isinstance(samples, bytes) else samples
                parts.append(sounds.at_level(sounds.in_band(sounds.resampled(raw, rate))))
                length += len(parts[-1]) / sounds.RATE
    return np.concatenate(parts)


def in_echo(make: Callable[[], Detector], played: sounds.Sound, echo_db: int) -> int:
    """Return how often the echo of prompts was taken for a caller."""
    samples = played * 10 ** (echo_db / 20) + sounds.noise(len(played), 40, 1)
    return sum(what is Sound.BEGINS for _, what in run(make, sounds.as_sent(samples), sounding=True))


def detectors() -> dict[str, Callable[[], Detector]]:
    session = silero_session()
    found: dict[str, Callable[[], Detector]] = {"silero": lambda: Silero(session), "talk_detect": TalkDetect}
    if importlib.util.find_spec("webrtcvad") is not None:
        found |= {f"webrtcvad {mode}": (lambda mode=mode: WebRtc(mode)) for mode in (2, 3)}  # type: ignore[misc]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    said: list[sounds.Utterance] = []
    for utterance in sounds.utterances(IDS):
        if sum(other.language == utterance.language for other in said) < EACH:
            said.append(utterance)
    played = prompts()
    results: dict[str, Any] = {}
    for name, make in detectors().items():
        began = time.process_time()
        noisy = {str(below): in_noise(make, said, below) for below in NOISES_DB}
        echoes = {str(echo): in_echo(make, played, echo) for echo in ECHOES_DB}
        heard_s = len(NOISES_DB) * sum(2 + len(row.sound) / sounds.RATE for row in said)
        heard_s += len(ECHOES_DB) * len(played) / sounds.RATE
        results[name] = {"noise": noisy, "echo": echoes, "core": round((time.process_time() - began) / heard_s, 4)}
    if as_json:
        print(json.dumps({"echo_s": len(played) / sounds.RATE, "gates": results}))
        return
    print(f"{'gate':12} {'noise':>6} {'found':>8} {'cut':>4} {'false':>6} {'late ms':>8}")
    for name, row in results.items():
        for below, values in row["noise"].items():
            found = f"{values['found']}/{values['of']}"
            print(f"{name:12} {below:>4}dB {found:>8} {values['cut']:>4} {values['false']:>6} {values['late_ms']:>8}")
    print(f"\nfalse starts in {len(played) / sounds.RATE:.0f} s of echo at {', '.join(f'{db} dB' for db in ECHOES_DB)}")
    for name, row in results.items():
        print(f"{name:12} {', '.join(str(count) for count in row['echo'].values())}; {row['core']:.2%} of a core")


if __name__ == "__main__":
    main()
