"""A slow voice speaks a language in the background; callers hear it once the language is whole, and never a mixture."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import prompt_sites as sites
import pytest

from prompts import catalogue, manifest, progress
from prompts.background import Background
from prompts.build import BuildReport, build
from prompts.clip_store import ClipStore
from prompts.manifest import Manifest
from prompts.names import Name
from prompts.progress import Doing, Progress
from prompts.prompt_list import list_prompts
from prompts.slow_status import SlowStatus, slow_statuses
from prompts.slow_voices import SlowClips, slow_clips
from prompts.voices import Voice
from prompts.voices.choice import Choice

NAME = "piper:slow.onnx"
QUICK = Voice("quick", "prompt_engine", "voice")
TABLE = {"en": QUICK, "fr": QUICK}
HELLO = {"hello": "Hello.", "wait": "Please wait.", "guide_visa_fee": "It costs little."}


def slow(**settings: float) -> Choice:
    """Return the choice of a slow voice for English."""
    voice = Voice(NAME, "prompt_engine", "voice", settings=tuple(settings.items()), slow=True)
    return Choice({"en": NAME}, {"en": voice}, {})


SLOW = slow(pitch=2.0)
GONE = Choice({"en": NAME}, {}, {"en": "its model is not here; install it"})


class Site:
    """A site with English and French texts in a folder, and the clips of slow voices in another one."""

    def __init__(self, folder: Path, store: Path, chosen: Choice = SLOW) -> None:
        self.folder, self.store, self.chosen = folder, ClipStore(store), chosen
        self.table = TABLE
        self.noted: list[Progress] = []
        self.limits: list[str] = []  # that the voice breaks

    def say(self, texts: Mapping[str, str]) -> None:
        for language in ("en", "fr"):
            sites.catalogue(self.folder, language, {key: (text, f"{language} {text}") for key, text in texts.items()})

    def build(self, switched: Sequence[str] = (), names: Sequence[Name] = ()) -> BuildReport:
        return build(
            catalogue.load(self.folder),
            self.folder / "sounds",
            self.folder / "recordings",
            names=names,
            voices=self.table,
            chosen=self.chosen,
            clips=self.store,
            switched=switched,
        )

    def clips(self) -> SlowClips:
        return slow_clips(list_prompts(catalogue.load(self.folder)), self.chosen, self.folder / "recordings")

    def heard(self) -> Manifest:
        return manifest.load(self.folder / "sounds" / manifest.FILE)

    def sources(self, language: str = "en") -> dict[str, str]:
        return {prompt: audio.source for prompt, audio in self.heard().prompts[language].items()}

    def voice(self) -> str:
        """Return the one voice of English. AssertionError if there are two."""
        (source,) = set(self.sources().values()) - {"recording"}
        return source

    def in_the_background(self, busy: Callable[[], bool] = lambda: False) -> Mapping[str, str]:
        def switch(language: str) -> list[str]:
            if not self.limits:
                assert self.build([language]).problems == ()
            return self.limits

        return Background(
            self.store, lambda: (self.clips(), self.heard()), switch, self.noted.append, busy, time_limit=20
        ).run()

    def status(self) -> SlowStatus:
        (found,) = slow_statuses(self.clips(), self.heard(), self.store, self.noted[-1] if self.noted else None)
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path / "site", tmp_path / "clips")
    made.say(HELLO)
    return made


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which voices add each text that they speak."""
    monkeypatch.setenv("SPOKEN_TEXTS", str(tmp_path / "spoken"))
    return tmp_path / "spoken"


def test_callers_hear_the_quick_voice_until_the_slow_one_has_spoken_the_whole_language(site: Site) -> None:
    report = site.build()
    assert (report.problems, report.quick, site.voice()) == ((), ("en",), "quick")
    first = site.heard()
    assert site.status().state == "stopped"
    assert site.in_the_background() == {}
    assert (site.voice(), set(site.sources("fr").values())) == (NAME, {"quick"})
    assert site.heard().text("en", "wait") == "en Please wait."
    assert first.files != site.heard().files
    assert [item.doing for item in site.noted] == [*3 * [Doing.SPEAKING], Doing.CHECKING, Doing.ENDED]
    assert site.status() == SlowStatus("en", NAME, 3, 3, "in use")
    again = site.build()
    assert (again.made, again.quick, site.voice()) == (0, (), NAME)
    # The quick audio stays for calls that began with it.
    assert manifest.prune(site.folder / "sounds") == []
    assert all(path.exists() for file in first.files for path in manifest.paths(site.folder / "sounds", file))


def test_menus_come_before_the_guide(site: Site, spoken: Path) -> None:
    site.build()
    spoken.unlink()
    site.in_the_background()
    assert spoken.read_text().splitlines() == ["en Please wait.", "en Hello.", "en It costs little."]


def test_a_text_that_changes_later_is_spoken_at_once_by_the_same_voice(site: Site, spoken: Path) -> None:
    site.build()
    site.in_the_background()
    spoken.unlink()
    site.say({**HELLO, "wait": "Please wait a moment."})
    report = site.build()
    assert (report.problems, site.voice(), site.heard().text("en", "wait")) == ((), NAME, "en Please wait a moment.")
    assert sorted(spoken.read_text().splitlines()) == ["en Please wait a moment.", "fr Please wait a moment."]


def test_if_too_much_has_changed_to_wait_for_the_quick_voice_speaks_all_of_it(site: Site) -> None:
    site.build()
    site.in_the_background()
    site.say({f"text_{number}": f"A new text, number {number}, of a few seconds." for number in range(60)} | HELLO)
    report = site.build()
    assert site.voice() == "quick"
    assert [str(problem) for problem in report.problems] == [
        "en: piper:slow.onnx: 60 texts are new, about 4 minutes of speech; "
        "quick speaks the language until the background has made it"
    ]
    assert site.in_the_background() == {}
    assert site.voice() == NAME


def test_a_text_that_fails_twice_leaves_the_whole_language_to_the_quick_voice(site: Site, spoken: Path) -> None:
    site.say({**HELLO, "wait": "Please crash."})
    site.table = {language: Voice("quick", "prompts.voices.pico", "en-GB") for language in ("en", "fr")}
    assert site.build().problems == ()
    stays = site.in_the_background()
    why = (
        "en/wait failed 2 times (piper:slow.onnx ended with signal SIGABRT (out of phonemes)); "
        "change its text, or record it as recordings/en/wait.wav"
    )
    assert stays == {"en": why}
    assert spoken.read_text().splitlines().count("en Please crash.") == 2
    assert (site.voice(), site.status().state, site.status().why) == ("quick", "quick", why)
    # Recorded, it no longer stands in the way.
    sites.wav(site.folder / "recordings" / "en" / "wait.wav", sites.speech())
    spoken.unlink()
    assert site.in_the_background() == {}
    assert (site.voice(), site.sources()["wait"]) == (NAME, "recording")
    assert not spoken.exists(), "what is there is not spoken again"


def test_a_changed_text_that_fails_twice_takes_the_language_back_to_the_quick_voice(site: Site) -> None:
    site.build()
    site.in_the_background()
    broken = Voice(NAME, "prompt_engine", "nobody", slow=True)
    site.chosen = Choice({"en": NAME}, {"en": broken}, {})
    site.say({**HELLO, "wait": "Please wait a moment."})
    report = site.build()
    assert site.voice() == "quick"
    assert [str(problem) for problem in report.problems] == [
        "en: en/wait failed 2 times (piper:slow.onnx refused: there is no voice nobody); change its text, or "
        "record it as recordings/en/wait.wav; quick speaks the whole language meanwhile"
    ]


def test_a_voice_that_never_speaks_is_given_up_after_three_texts(site: Site, spoken: Path) -> None:
    site.say({f"text_{number}": f"Text {number}." for number in range(9)})
    site.chosen = Choice({"en": NAME}, {"en": Voice(NAME, "prompt_engine", "nobody", slow=True)}, {})
    site.build()
    assert site.in_the_background()["en"].count("failed 2 times") == 3


def test_a_language_that_breaks_a_limit_does_not_switch_and_says_which(site: Site) -> None:
    site.build()
    site.limits = ["wait lasts 14.0 s; longest_text_s is 12"]
    assert site.in_the_background() == {"en": "wait lasts 14.0 s; longest_text_s is 12"}
    assert site.voice() == "quick"
    assert (site.status().state, site.status().made, site.status().of) == ("quick", 3, 3)
    site.limits = []
    assert site.in_the_background() == {}
    assert site.voice() == NAME


def test_a_language_that_was_refused_is_tried_again_once_another_one_has_switched(site: Site) -> None:
    voice = SLOW.voices["en"]
    site.chosen = Choice({"en": NAME, "fr": NAME}, {"en": voice, "fr": voice}, {})
    site.build()
    tried = []

    def switch(language: str) -> list[str]:
        tried.append(language)
        if language == "en" and set(site.sources("fr").values()) == {"quick"}:
            return ["the menu takes 12.1 s; wanted are 12"]
        site.build([language])
        return []

    work = Background(site.store, lambda: (site.clips(), site.heard()), switch, site.noted.append)
    assert work.run() == {}
    assert tried == ["en", "fr", "en"]
    assert (site.voice(), set(site.sources("fr").values())) == (NAME, {NAME})


def test_a_language_keeps_its_audio_when_its_voice_is_gone(site: Site) -> None:
    site.build()
    site.in_the_background()
    before = site.heard()
    site.chosen = GONE
    report = site.build()
    assert site.heard().prompts == before.prompts
    assert "its model is not here" in str(report.problems[0])
    assert "its 3 existing prompts stay in use" in str(report.problems[0])


def test_a_voice_whose_model_comes_later_is_no_problem_of_a_build(site: Site) -> None:
    site.chosen = Choice({"en": "kokoro"}, {}, {"en": "its model is not here; install it"})
    report = site.build()
    assert (report.problems, report.quick, site.voice()) == ((), ("en",), "quick")


def test_new_settings_of_a_voice_are_heard_when_the_language_is_whole(site: Site) -> None:
    site.build()
    site.in_the_background()
    before = site.heard()
    site.chosen = slow(pitch=3.0)
    assert site.build().problems == ()
    assert site.heard() == before
    assert site.in_the_background() == {}
    assert (site.voice(), site.heard().files & {audio.file for audio in before.prompts["en"].values()}) == (
        NAME,
        set(),
    )


def test_a_second_checkout_speaks_nothing_again(site: Site, tmp_path: Path, spoken: Path) -> None:
    site.build()
    site.in_the_background()
    other = Site(tmp_path / "other", tmp_path / "clips")
    other.say(HELLO)
    other.build()
    spoken.unlink()
    assert other.in_the_background() == {}
    assert other.voice() == NAME
    assert not spoken.exists()
    one, two = (manifest.paths(at.folder / "sounds", at.heard().file("en", "wait") or "")[0] for at in (site, other))
    assert one.samefile(two), "clips take no more room in a second checkout"


def test_a_name_is_spoken_by_the_slow_voice_of_the_language_that_reads_it(site: Site) -> None:
    site.build(names=[Name("fr", "name_1001", "Ghali Carob", "en")])
    site.in_the_background()
    site.build(names=[Name("fr", "name_1001", "Ghali Carob", "en")])
    assert site.sources("fr")["name_1001"] == NAME


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


WORKER = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_slow_voices import Site, slow
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

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
        )

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
    first.communicate()
    before = made()
    ended = progress.read(noted)
    assert ended is not None
    assert ended.doing is Doing.ENDED, "a killed process does not seem to go on"
    assert site.voice() == "quick"
    second = start()
    printed, _ = second.communicate(timeout=60)
    assert printed.strip() == "{}"
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


def test_a_text_that_the_voice_refuses_at_once_does_not_count_as_fast(site: Site) -> None:
    site.chosen = Choice({"en": NAME}, {"en": Voice(NAME, "prompt_engine", "nobody", slow=True)}, {})
    site.build()
    site.in_the_background()
    assert site.noted[-1].letters_s is None


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
