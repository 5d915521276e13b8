"""What a worker reports counts only for the question, and the ear, that it is about."""

import asyncio
from pathlib import Path

from ivr.recognition.ear import Ear, open_ear
from ivr.recognition.workers import Spoken, Workers
from speech.protocol import Alive, Began, Heard, Lost, Post, worker_socket


async def until_there(workers: Workers) -> None:
    for _ in range(500):
        if "fr" in workers.languages:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the worker is not known")


def asked(workers: Workers) -> Ear:
    ear = open_ear(workers, "channel", "fr", lambda item: None)
    assert ear is not None and ear.ask("fr", {"oui": "1"}, sounding=False)
    return ear


async def test_what_a_former_ear_or_question_heard_answers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "speech"
    workers = Workers(path)
    running = asyncio.create_task(workers.run())
    await asyncio.sleep(0)
    worker = Post(worker_socket(path, 1))
    try:
        assert worker.send(path, Alive(worker=1, port=4000, free={"fr": 4}))
        await until_there(workers)
        former = asked(workers)
        former.close()
        ear = asked(workers)  # its first question, as the former one's was
        late: list[Spoken] = [Began(former.name, 1), Heard(former.name, 1, "1"), Lost(former.name)]
        assert not any(ear.is_for_now(item) for item in late)
        present: list[Spoken] = [Began(ear.name, 1), Heard(ear.name, 1, "1"), Lost(ear.name)]
        assert all(ear.is_for_now(item) for item in present)
        assert ear.ask("fr", {"non": "2"}, sounding=False)
        assert not ear.is_for_now(Heard(ear.name, 1, "1")) and ear.is_for_now(Heard(ear.name, 2, "2"))
    finally:
        worker.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
