"""What workers take for words, and whose sound they take."""

import asyncio
import contextlib
import socket
import uuid
from pathlib import Path

import numpy as np
import pytest
from callers_words import LEVEL, in_band, said

from ivr.recognition.workers import Spoken, Workers
from ivr.softphone.sound import RATE
from speech.gate import Gate, Silero, Sound, silero_session
from speech.protocol import Alive, Ask, Heard, Lost, Post, worker_socket
from speech.vosk import Word
from speech.wideband import Wideband
from speech.words import known, longest, plain
from speech.worker import Worker


def test_phrases_are_compared_without_vowels_punctuation_and_case() -> None:
    assert plain("  État de VOTRE dossier, ") == "état de votre dossier"
    assert plain("مِلَفِّي،") == plain("ملفي") == "ملفي"
    assert plain("rendez-vous, c'est urgent!") == "rendez-vous c'est urgent"
    assert known({"Ja,": "1", "...": "2"}) == {"ja": "1"}


def test_the_phrase_that_lasts_longest_was_meant_if_it_fills_enough_of_the_utterance() -> None:
    words = [Word("oui", 0.3, 0.4, 1.0), Word("mon", 0.5, 0.6, 0.9), Word("dossier", 0.6, 1.1, 0.7)]
    assert longest(words, ["oui", "mon dossier"], 1.0) == ("mon dossier", 0.7)
    assert longest(words, ["oui", "mon dossier"], 3.0) is None  # somebody says something else
    assert longest([Word("[unk]", 0.0, 1.0, 1.0)], ["oui"], 1.0) is None


@pytest.mark.parametrize("below_db", [40, 20, 10])
def test_the_gate_finds_an_utterance_in_noise_and_nothing_in_noise_alone(below_db: int) -> None:
    session = silero_session()

    def happened(samples: np.ndarray) -> list[tuple[float, Sound]]:
        gate, found = Gate(Silero(session)), list[tuple[float, Sound]]()
        for first in range(0, len(samples) - 159, 160):
            what = gate.feed(samples[first : first + 160].astype("<i2").tobytes())
            if what in (Sound.BEGINS, Sound.ENDS, Sound.TOO_LONG):
                found.append((first / RATE, what))
        return found

    began, ended = happened(said("대한민국", "ko", below_db))
    assert began[1] is Sound.BEGINS and 0.4 < began[0] < 0.9
    assert ended[1] is Sound.ENDS and 1.2 < ended[0] < 2.4
    noise = np.random.default_rng(1).normal(0, LEVEL * 10 ** (-below_db / 20), 5 * RATE)
    assert happened(in_band(noise).clip(-32768, 32767)) == []


async def test_a_worker_takes_sound_only_under_a_name_that_the_controller_gave(tmp_path: Path) -> None:
    controller = Post(tmp_path / "ivr.speech")
    working = asyncio.create_task(Worker(0, {}, tmp_path / "ivr.speech", lambda: None).run())
    alive = await read(controller)
    assert isinstance(alive, Alive)
    asked, stranger = uuid.uuid4(), uuid.uuid4()
    assert controller.send(worker_socket(tmp_path / "ivr.speech", 0), Ask(str(asked), 1, "fr", {"oui": "1"}))
    await asyncio.sleep(0.1)

    async def is_closed(name: uuid.UUID) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", alive.port)
        writer.write(b"\x01\x00\x10" + name.bytes)
        try:
            return await asyncio.wait_for(reader.read(1), 0.5) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            writer.close()

    assert await is_closed(stranger) and not await is_closed(asked)
    await ended(working)
    controller.close()


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def read(post: Post) -> object:
    while not (found := post.from_workers()):  # noqa: ASYNC110 - a socket without a reader
        await asyncio.sleep(0.01)
    return found[0]


async def test_callers_of_a_worker_that_is_replaced_or_silent_are_lost_and_garbage_is_dropped(tmp_path: Path) -> None:
    workers = Workers(tmp_path / "ivr.speech")
    running = asyncio.create_task(workers.run())
    await asyncio.sleep(0.05)
    post, heard = Post(tmp_path / "speech.0"), list[Spoken]()
    path = tmp_path / "ivr.speech"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for garbage in (b"", b"{", b'{"type":"alive"}', b'{"type":"heard","line":1}', b"\xff" * 1000):
            stranger.sendto(garbage, str(path))
    assert workers.open("one", "fr", heard.append) is None  # nobody is there yet
    post.send(path, Alive(0, 4000, {"fr": 1}))
    await asyncio.sleep(0.05)
    assert workers.open("one", "de", heard.append) is None
    assert workers.open("one", "fr", heard.append) == 4000
    assert workers.open("two", "fr", heard.append) is None  # it hears one caller at once
    post.send(path, Heard("one", 1, "2"))
    post.send(path, Alive(0, 4001, {"fr": 1}))  # another process under its number
    await asyncio.sleep(0.05)
    assert heard == [Heard("one", 1, "2"), Lost("one")] and not workers.hears("one", "fr")
    assert workers.open("three", "fr", heard.append) == 4001
    await asyncio.sleep(3)  # without a sign of life
    assert heard[2:] == [Lost("three")] and workers.languages == frozenset()
    await ended(running)
    post.close()


def test_sound_for_vosk_has_noise_where_a_telephone_carries_nothing_and_is_the_same_each_time() -> None:
    frames = [frame.tobytes() for frame in np.split(said("대한민국", "ko")[: 100 * 160], 100)]

    def widened() -> np.ndarray:
        wideband = Wideband()
        return np.frombuffer(b"".join(wideband.feed(frame) for frame in frames), "<i2").astype(np.float64)

    samples = widened()
    assert all(np.array_equal(samples, widened()) for _ in range(5))
    assert 0 <= 2 * 16_000 - len(samples) < 1_600  # they come later
    power = np.abs(np.fft.rfft(samples)) ** 2 / len(samples) ** 2
    above = 2 * power[np.fft.rfftfreq(len(samples), 1 / 16_000) > 4_200].sum()
    assert 8 < np.sqrt(above) < 16  # loud words would be over 1,000
