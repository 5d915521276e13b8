"""The work in the background: it pauses for calls, goes on after a kill, and keeps its clips."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import prompt_sites as sites
import psutil
import pytest
import warm_up
from forked import Forked
from slow_sites import NAME, Site, site_in, slow

from prompts import manifest, progress
from prompts.progress import Doing, Progress


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path)


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which voices add each text that they speak."""
    monkeypatch.setenv("SPOKEN_TEXTS", str(tmp_path / "spoken"))
    return tmp_path / "spoken"


def test_while_a_call_is_up_nothing_is_spoken_and_what_it_interrupted_is_spoken_after_it(
    site: Site, spoken: Path
) -> None:
    site.chosen = slow(takes_s=1.5)
    site.build()
    began = time.monotonic()

    def call_of_three_seconds() -> bool:
        return 0.7 < time.monotonic() - began < 3.7

    spoken.unlink()
    assert site.in_the_background(call_of_three_seconds) == {}
    doing = [made.doing for made in site.noted]
    assert doing.count(Doing.PAUSED) == 1
    assert site.voice() == NAME
    # The first text was interrupted within 2 s of the call's beginning, and counts as no failure.
    assert spoken.read_text().splitlines() == 2 * ["en Please wait."] + ["en Hello.", "en It costs little."]
    assert time.monotonic() - began > 3.7 + 3 * 1.5


def test_a_voice_is_held_at_the_first_look_at_a_call_and_loses_nothing_by_a_short_one(site: Site, spoken: Path) -> None:
    site.chosen = slow(takes_s=1.5)
    site.build()
    looks: list[set[str]] = []

    def call_of_two_looks() -> bool:
        if not spoken.exists() or len(looks) == 3:
            return False
        looks.append({child.status() for child in psutil.Process().children(recursive=True)})
        return len(looks) < 3

    spoken.unlink()
    assert site.in_the_background(call_of_two_looks) == {}
    stopped = [psutil.STATUS_STOPPED in statuses for statuses in looks]
    assert stopped == [False, True, True]
    assert spoken.read_text().splitlines() == ["en Please wait.", "en Hello.", "en It costs little."]


WORKER = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from slow_sites import Site, slow
from prompts import progress
site = Site(Path({site!r}), Path({store!r}), slow(takes_s=0.2))
site.noted = []
class Noted(list):
    def append(self, made): progress.write(Path({noted!r}), made)
site.noted = Noted()
print(site.in_the_background())
"""


def test_after_a_kill_in_the_middle_nothing_is_spoken_twice(site: Site, tmp_path: Path, spoken: Path) -> None:
    texts = {f"text_{number}": f"This is text {number}." for number in range(12)}
    site.say(texts)
    site.chosen = slow(takes_s=0.2)
    site.build()
    spoken.unlink()
    noted = tmp_path / "voices.json"
    program = WORKER.format(
        tests=str(Path(__file__).parent), site=str(site.folder), store=str(site.store.folder), noted=str(noted)
    )

    printed = tmp_path / "printed"

    def start() -> Forked:
        with printed.open("w") as output, Path(os.devnull).open() as nothing:
            files = (nothing.fileno(), output.fileno(), 2)
            argv = [sys.executable, "-c", program]
            return Forked(warm_up.sockets() / "commands", argv, os.environ, files, leads=True)

    def made() -> int:
        return sum(site.store.seconds(clip.name) is not None for clip in site.clips()["en"].values())

    first = start()
    deadline = time.monotonic() + 60
    while made() < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    going_on = progress.read(noted)
    assert going_on is not None
    assert (going_on.doing, going_on.language, going_on.of) == (Doing.SPEAKING, "en", 12)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = made()
    ended = progress.read(noted)
    assert ended is not None
    assert ended.doing is Doing.ENDED, "a killed process does not seem to go on"
    assert site.voice() == "quick"
    second = start()
    second.wait(60)
    assert printed.read_text().strip() == "{}"
    assert site.voice() == NAME
    lines = spoken.read_text().splitlines()
    assert 4 <= before < 12
    assert len(lines) <= 12 + 1, "only the text that was being spoken is spoken again"
    assert set(lines) == {f"en {text}" for text in texts.values()}


def test_progress_of_another_process_with_the_same_number_has_ended(tmp_path: Path) -> None:
    file, made = tmp_path / "voices.json", Progress(Doing.SPEAKING, "en", 1, 12, 20.0, 60.0, {"fr": "why"})
    progress.write(file, made)
    assert progress.read(file) == made
    file.write_text(json.dumps(json.loads(file.read_text()) | {"start": "an earlier boot 1234"}))
    assert progress.read(file) == Progress(Doing.ENDED, letters_s=20.0, stays={"fr": "why"})
    file.write_text("{}")
    assert progress.read(file) is None


def test_clips_that_no_build_has_used_for_long_are_removed(site: Site) -> None:
    site.build()
    site.in_the_background()
    (clip, *_) = site.clips()["en"].values()
    for path in site.store.paths(clip.name):
        sites.age_file(path, 100 * 24 * 3600)
    site.store.note_use(clip.name)
    assert site.store.prune() == 0
    for path in site.store.paths(clip.name):
        sites.age_file(path, 100 * 24 * 3600)
    assert site.store.prune() == 3
    assert site.store.prune(timedelta()) == 6


def test_clips_on_another_file_system_are_copied(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(source), None, str(target))

    monkeypatch.setattr(os, "link", refuse)
    site.build()
    assert site.in_the_background() == {}
    assert site.voice() == NAME
    for clip in site.clips()["en"].values():
        for kept, heard in zip(
            site.store.paths(clip.name), manifest.paths(site.folder / "sounds", clip.file), strict=True
        ):
            assert heard.read_bytes() == kept.read_bytes()
            assert not heard.samefile(kept)
    assert not list((site.folder / "sounds").rglob(".*.new"))


def test_a_clock_that_is_set_forward_while_clips_are_made_removes_none_of_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.build()
    real = time.time

    def set_the_clock() -> bool:
        monkeypatch.setattr(time, "time", lambda: real() + 200 * 24 * 3600)
        return False

    site.chosen = slow(takes_s=0.4)
    assert site.in_the_background(set_the_clock) == {}
    assert time.time() > real() + 1
    assert all(site.store.seconds(clip.name) is not None for clip in site.clips()["en"].values())


def test_two_processes_of_a_user_do_not_make_clips_at_the_same_time(site: Site, tmp_path: Path) -> None:
    site.build()
    with site.store.builder_lock(lambda: None):
        program = f"""
import sys
from pathlib import Path
from prompts.clip_store import ClipStore
with ClipStore(Path({str(site.store.folder)!r})).builder_lock(lambda: print("waits", flush=True)):
    print("works")
"""
        other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert other.stdout
        assert other.stdout.readline() == "waits\n"
    assert other.communicate(timeout=20)[0] == "works\n"
