"""A slow voice speaks a language in the background; callers hear it once the language is whole, and never a mixture."""

from pathlib import Path

import prompt_sites as sites
import pytest
from slow_sites import HELLO, NAME, SLOW, Site, site_in, slow, switched_in

from prompts import manifest
from prompts.background import Background
from prompts.names import Name
from prompts.progress import Doing
from prompts.slow_status import SlowStatus
from prompts.voices import Voice
from prompts.voices.choice import Choice

GONE = Choice({"en": NAME}, {}, {"en": "its model is not here; install it"})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a site is kept whose English has its slow voice."""
    return tmp_path_factory.mktemp("made") / "switched"


@pytest.fixture
def switched(tmp_path: Path, made: Path) -> Site:
    return switched_in(tmp_path, made)


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


def test_a_text_that_changes_later_is_spoken_at_once_by_the_same_voice(switched: Site, spoken: Path) -> None:
    switched.say({**HELLO, "wait": "Please wait a moment."})
    report = switched.build()
    assert (report.problems, switched.voice(), switched.heard().text("en", "wait")) == (
        (),
        NAME,
        "en Please wait a moment.",
    )
    assert sorted(spoken.read_text().splitlines()) == ["en Please wait a moment.", "fr Please wait a moment."]


def test_if_too_much_has_changed_to_wait_for_the_quick_voice_speaks_all_of_it(switched: Site) -> None:
    switched.say({f"text_{number}": f"A new text, number {number}, of a few seconds." for number in range(34)} | HELLO)
    report = switched.build()
    assert switched.voice() == "quick"
    assert [str(problem) for problem in report.problems] == [
        "en: piper:slow.onnx: 34 texts are new, about 2 minutes of speech; "
        "quick speaks the language until the background has made it"
    ]
    assert switched.in_the_background() == {}
    assert switched.voice() == NAME


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


def test_a_changed_text_that_fails_twice_takes_the_language_back_to_the_quick_voice(switched: Site) -> None:
    broken = Voice(NAME, "prompt_engine", "nobody", slow=True)
    switched.chosen = Choice({"en": NAME}, {"en": broken}, {})
    switched.say({**HELLO, "wait": "Please wait a moment."})
    report = switched.build()
    assert switched.voice() == "quick"
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


def test_a_language_keeps_its_audio_when_its_voice_is_gone(switched: Site) -> None:
    before = switched.heard()
    switched.chosen = GONE
    report = switched.build()
    assert switched.heard().prompts == before.prompts
    assert "its model is not here" in str(report.problems[0])
    assert "its 3 existing prompts stay in use" in str(report.problems[0])


def test_a_voice_whose_model_comes_later_is_no_problem_of_a_build(site: Site) -> None:
    site.chosen = Choice({"en": "kokoro"}, {}, {"en": "its model is not here; install it"})
    report = site.build()
    assert (report.problems, report.quick, site.voice()) == ((), ("en",), "quick")


def test_new_settings_of_a_voice_are_heard_when_the_language_is_whole(switched: Site) -> None:
    before = switched.heard()
    switched.chosen = slow(pitch=3.0)
    assert switched.build().problems == ()
    assert switched.heard() == before
    assert switched.in_the_background() == {}
    assert (switched.voice(), switched.heard().files & {audio.file for audio in before.prompts["en"].values()}) == (
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


def test_a_text_that_the_voice_refuses_at_once_does_not_count_as_fast(site: Site) -> None:
    site.chosen = Choice({"en": NAME}, {"en": Voice(NAME, "prompt_engine", "nobody", slow=True)}, {})
    site.build()
    site.in_the_background()
    assert site.noted[-1].letters_s is None
