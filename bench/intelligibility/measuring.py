"""Speak announcements, let the recogniser hear them, and say how long the rest will take."""

import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.intelligibility import errors, telephone
from bench.intelligibility.environment import Recogniser
from bench.intelligibility.jobs import Job, Text
from bench.intelligibility.kept import Kept
from bench.intelligibility.report import Announcement, Result
from prompts import g711, text_rules
from prompts.audio import AudioError
from prompts.build import speak
from prompts.voices.process import VoiceError, VoicePool


class Pace:
    """How far a run is. Texts that are kept from an earlier run take no time; each voice has its own speed."""

    def __init__(self, jobs: Iterable[Job], kept: Kept, workers: int) -> None:
        self._workers = workers
        # By voice: what its new texts took, each in one worker.
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._measured: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.texts = self.known = 0
        self._new: Counter[str] = Counter()  # still to be measured
        for job in jobs:
            new = sum(not _known(job, text, kept) for text in job.texts)
            self._new[job.name] += new
            self.texts += len(job.texts)
            self.known += len(job.texts) - new

    @property
    def new(self) -> int:
        """How many texts are still to be measured."""
        return self._new.total()

    @property
    def left_s(self) -> float | None:
        """Seconds until all is measured; None if that is not known yet."""
        if not self._measured:
            return None if self.new else 0.0
        of_any = sum(self._seconds.values()) / self._measured.total()
        each = {name: self._seconds[name] / count for name, count in self._measured.items()}
        return sum(count * each.get(name, of_any) for name, count in self._new.items()) / self._workers

    def took(self, voice: str, seconds: float) -> None:
        """Count a new text that has been measured."""
        with self._lock:
            self._new[voice] -= 1
            self._measured[voice] += 1
            self._seconds[voice] += seconds


def _known(job: Job, text: Text, kept: Kept) -> bool:
    """Return whether measuring a text takes no time."""
    if text.spoken is None:
        return True
    clip = kept.clip(job.voice.of(text.id), text.spoken)
    return clip is not None and kept.heard(clip, job.language) is not None


class Bench:
    """Measures several texts at once, with a recogniser for each."""

    def __init__(self, kept: Kept, pool: VoicePool, recognisers: Sequence[Recogniser], pace: Pace) -> None:
        self._kept, self._pool, self._pace = kept, pool, pace
        self._count = len(recognisers)
        self._idle: queue.SimpleQueue[Recogniser] = queue.SimpleQueue()
        for recogniser in recognisers:
            self._idle.put(recogniser)

    def measure(self, job: Job, done: Callable[[], None]) -> Result:
        """Return how well the announcements of a job were understood; `done` is called after each.

        Raises:
            RecogniserError: The recogniser failed. What was measured until then is kept.
        """
        with ThreadPoolExecutor(self._count) as workers:
            texts = [workers.submit(self._measure, job, text) for text in job.texts]
            try:
                found = []
                for text in texts:
                    found.append(text.result())
                    done()
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                raise
        heard = tuple(item for item in found if isinstance(item, Announcement))
        failed = tuple(item for item in found if isinstance(item, str))
        return Result(job.language, job.name, job.peer, job.set, heard, failed)

    def _measure(self, job: Job, text: Text) -> Announcement | str:
        """Return what was understood of a text, or why it was not spoken."""
        if text.spoken is None:
            return f"{text.id}: it is not translated"
        began, new = time.monotonic(), not _known(job, text, self._kept)
        try:
            clip = self._clip(job, text.id, text.spoken)
        except (VoiceError, AudioError) as error:
            return f"{text.id}: {error}"
        else:
            understood = self._heard(clip, job.language)
            return Announcement(text.id, text.words, understood, errors.character_error(text.words, understood))
        finally:
            if new:
                self._pace.took(job.name, time.monotonic() - began)

    def _clip(self, job: Job, prompt: str, text: str) -> bytes:
        """Return a text as callers hear it, at the speed that the site gives it."""
        voice = job.voice.of(prompt)
        clip = self._kept.clip(voice, text)
        if clip is None:
            if wrong := [found for found in text_rules.findings(text, job.language) if found.code.startswith("E_")]:
                raise VoiceError(". ".join(f"{error.found}; {error.remedy}" for error in wrong))
            clip = speak(self._pool, voice, text).ulaw
            self._kept.keep_clip(voice, text, clip)
        return clip

    def _heard(self, clip: bytes, language: str) -> str:
        understood = self._kept.heard(clip, language)
        if understood is None:
            sound = telephone.telephone_sound(g711.from_ulaw(clip), telephone.RATE)
            recogniser = self._idle.get()
            try:
                understood = recogniser.hear(sound, language)
            finally:
                self._idle.put(recogniser)
            self._kept.keep_heard(clip, language, understood)
        return understood
