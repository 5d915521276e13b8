"""Voice messages get their texts from a process of their own: once each, whatever becomes of the process."""

import signal
from pathlib import Path

import psutil
import pytest
from db_helpers import until
from message_line import WITHIN_S, MessageLine, condition

from speech.models import Models

pytest_plugins = ["speech_models"]

WORDS = ("good morning", "lost my passport")


@pytest.fixture
def texts(tmp_path: Path, models: Models) -> MessageLine:
    return MessageLine(tmp_path)


async def test_a_message_gets_its_text_once_and_its_language_and_a_confidence_although_the_process_was_killed(
    texts: MessageLine,
) -> None:
    spoken = await texts.leave(texts.say(), duration_ms=4000)
    noise = texts.home / "messages" / "silent.wav"
    noise.write_bytes((texts.home / texts.say("Yes.")).read_bytes()[:44] + bytes(16_000 * 3))
    silent = await texts.leave("messages/silent.wav", duration_ms=3000)
    outside = await texts.leave("../home/hatif.db")
    async with texts.transcriber() as process:
        await condition(lambda: texts.workers(process))
        (worker,) = texts.workers(process)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await condition(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    async with texts.transcriber() as first, texts.transcriber() as second:  # one waits for the other
        found = await texts.ended(spoken)
        text = found.text.lower()
        assert all(words in text for words in WORDS), text
        assert found.text_language == "en" and 30 < found.text_confidence <= 100 and found.text_why is None
        assert found.text_tries is None, "a kill of ours is no failure of the recogniser"
        quiet = await texts.ended(silent)
        assert quiet.text is None and quiet.text_why == "no words"
        assert (await texts.ended(outside)).text_why == "its sound is not there"
        (works,) = (process for process in (first, second) if texts.workers(process))
        assert psutil.Process(works.pid).nice() == 19
        assert all(worker.nice() == 19 for worker in texts.workers(works))
        await condition(lambda: texts.status() == (True, 0, 1, 2))
        # The other one goes on, and writes nothing again that has ended.
        works.terminate()
        await works.wait()
        gone = await texts.leave("messages/gone.wav")
        assert (await texts.ended(gone)).text_why == "its sound is not there"
        assert (await texts.message(spoken)).text_ended == found.text_ended
    assert texts.status()[0] is False


@pytest.mark.long  # three transcriptions with the real recogniser
async def test_a_message_on_which_the_recogniser_dies_twice_is_left_with_the_reason_and_the_others_get_theirs(
    texts: MessageLine,
) -> None:
    bad = await texts.leave(texts.say(), duration_ms=4000)
    async with texts.transcriber() as process:
        killed: set[int] = set()

        async def twice() -> bool:
            for worker in texts.workers(process):
                if worker.pid not in killed and worker.cpu_times().user > 1.0:
                    killed.add(worker.pid)
                    worker.send_signal(signal.SIGSEGV)
            return bool((await texts.message(bad)).text_tries == 2)

        await until(twice, WITHIN_S)
        found = await texts.ended(bad)
        assert found.text is None and "the recogniser ended with signal SIGSEGV" in found.text_why
        good = await texts.leave(texts.say(), duration_ms=4000)
        assert WORDS[1] in (await texts.ended(good)).text.lower()
