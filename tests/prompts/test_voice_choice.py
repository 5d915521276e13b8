"""A configured voice speaks; a missing one is reported, and callers lose nothing."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import piper_tone
import prompt_sites as sites
import pytest

from prompts import catalogue, manifest
from prompts.build import BuildReport, build
from prompts.clip_store import ClipStore
from prompts.status import LanguageStatus, language_statuses
from prompts.voices import Voice, VoiceMissingError, choice
from prompts.voices.choice import Choice, choose, find

USUAL = Voice("usual", "prompt_engine", "voice")
OTHER = Voice("other", "prompt_engine", "voice", settings=(("pitch", 2.0),))
TABLE = {"en": USUAL, "fr": USUAL}
HERE = Choice({"en": "other"}, {"en": OTHER}, {})
GONE = Choice({"en": "other"}, {}, {"en": "it is not installed; install it"})


def build_small(site: Path, chosen: Choice, texts: Mapping[str, str], switched: Sequence[str] = ()) -> BuildReport:
    """Build two languages; those in `switched` get their slow voice."""
    for language in ("en", "fr"):
        sites.catalogue(site, language, {key: (text, f"{language} {text}") for key, text in texts.items()})
    clips = ClipStore(site / "clips")
    out, recordings = site / "sounds", site / "recordings"
    return build(catalogue.load(site), out, recordings, voices=TABLE, chosen=chosen, clips=clips, switched=switched)


def used(site: Path) -> manifest.Manifest:
    return manifest.load(site / "sounds" / manifest.FILE)


def sources(site: Path, language: str = "en") -> dict[str, str]:
    return {prompt: audio.source for prompt, audio in used(site).prompts[language].items()}


def test_a_configured_voice_speaks_its_language_and_no_other(tmp_path: Path) -> None:
    assert build_small(tmp_path, choice.TABLE, {"hello": "Hello."}).made == 2
    assert build_small(tmp_path, HERE, {"hello": "Hello."}).made == 1
    assert (sources(tmp_path), sources(tmp_path, "fr")) == ({"hello": "other"}, {"hello": "usual"})
    assert build_small(tmp_path, choice.TABLE, {"hello": "Hello."}).made == 0  # the default voice's audio still exists
    assert sources(tmp_path) == {"hello": "usual"}


def test_a_removed_voice_is_reported_once_and_its_audio_stays(tmp_path: Path) -> None:
    build_small(tmp_path, HERE, {"hello": "Hello.", "wait": "Please wait."})
    before = used(tmp_path)
    report = build_small(tmp_path, GONE, {"hello": "Hello.", "wait": "Please wait a moment.", "bye": "Goodbye."})
    assert [str(problem) for problem in report.problems] == [
        "en: other: it is not installed; install it; its 1 existing prompts stay in use, and usual speaks new texts"
    ]
    assert sources(tmp_path) == {"hello": "other", "wait": "usual", "bye": "usual"}
    assert used(tmp_path).audio("en", "hello") == before.audio("en", "hello")
    assert used(tmp_path).text("en", "wait") == "en Please wait a moment."
    assert used(tmp_path).text("fr", "bye") == "fr Goodbye."
    again = build_small(tmp_path, HERE, {"hello": "Hello.", "wait": "Please wait a moment.", "bye": "Goodbye."})
    assert (again.made, again.problems) == (2, ())
    assert set(sources(tmp_path).values()) == {"other"}


def test_if_the_audio_of_a_removed_voice_is_broken_the_default_voice_speaks(tmp_path: Path) -> None:
    build_small(tmp_path, HERE, {"hello": "Hello."})
    for path in manifest.paths(tmp_path / "sounds", used(tmp_path).file("en", "hello") or ""):
        path.unlink()
    report = build_small(tmp_path, GONE, {"hello": "Hello."})
    assert [problem.found for problem in report.problems] == [
        "other: it is not installed; install it",
        "other is no longer installed and its audio is truncated",
    ]
    assert sources(tmp_path) == {"hello": "usual"}


def test_if_the_configured_voice_fails_the_default_voice_speaks(tmp_path: Path) -> None:
    broken = Choice({"en": "other"}, {"en": Voice("other", "prompt_engine", "nobody")}, {})
    report = build_small(tmp_path, broken, {"hello": "Hello."})
    assert [str(problem) for problem in report.problems] == [
        "en/hello: other refused: there is no voice nobody; the usual is used"
    ]
    assert sources(tmp_path) == {"hello": "usual"}


def test_audio_keeps_the_time_when_it_came_into_use(tmp_path: Path) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    build_small(tmp_path, choice.TABLE, {"hello": "Hello.", "wait": "Please wait."})
    path = tmp_path / "sounds" / manifest.FILE
    written = json.loads(path.read_text())
    long_ago = "2026-01-02T03:04:05+00:00"
    assert start <= datetime.fromisoformat(written["en"]["hello"]["since"]) <= datetime.now(UTC)
    for audio in written["en"].values():
        audio["since"] = long_ago
    del written["fr"]["hello"]["since"]  # as in older manifests
    path.write_text(json.dumps(written))
    assert used(tmp_path).prompts["fr"]["hello"].since is None
    build_small(tmp_path, choice.TABLE, {"hello": "Hello.", "wait": "Please wait a moment."})
    now = used(tmp_path).prompts
    assert now["en"]["hello"].since == datetime.fromisoformat(long_ago)
    assert (now["en"]["wait"].since or start - timedelta(1)) >= start
    assert start - timedelta(seconds=1) <= (now["fr"]["hello"].since or start - timedelta(1)) <= datetime.now(UTC)


def status(site: Path, chosen: Choice, recorded_only: tuple[str, ...] = ()) -> dict[str, LanguageStatus]:
    found = language_statuses(("en", "fr"), catalogue.load(site), used(site), chosen, recorded_only)
    return {item.language: item for item in found}


def test_the_status_counts_texts_audio_and_voices_with_their_times(tmp_path: Path) -> None:
    sites.wav(tmp_path / "recordings" / "en" / "hello.wav", sites.speech())
    build_small(tmp_path, HERE, {"hello": "Hello.", "wait": "Please wait.", "bye": "Goodbye."})
    build_small(tmp_path, GONE, {"hello": "Hello.", "wait": "Please wait.", "bye": "Goodbye now."})
    # Before a build: one text is new, one changed, one faulty.
    texts = {key: (key, f"en {key}.") for key in ("hello", "wait", "bye", "new")}
    texts["wait"] = ("Please wait.", "en Please wait.")
    sites.catalogue(tmp_path, "en", texts)
    sites.catalogue(tmp_path, "fr", {"hello": ("Hello.", "fr Hello."), "wait": ("Please wait.", "")})
    found = status(tmp_path, GONE)
    en, fr = found["en"], found["fr"]
    assert (en.texts, en.translated, en.recorded, en.synthesised, en.stale, en.missing) == (4, 4, 1, 2, 2, 1)
    assert [(voice.voice, voice.prompts) for voice in en.voices] == [("other", 1), ("usual", 1)]
    assert all(voice.since and voice.since <= datetime.now(UTC) for voice in en.voices)
    assert (en.voice, en.problem) == ("pico", "other: it is not installed; install it")
    assert (fr.translated, fr.missing, fr.voice, fr.problem) == (1, 1, "pico", None)
    assert status(tmp_path, HERE)["en"].voice == "other"
    assert status(tmp_path, HERE, ("en",))["en"].voice is None


@pytest.mark.parametrize(
    ("language", "name", "message"),
    [
        ("nl", "mbrola-nl2", None),
        ("nl", "quick", None),
        ("nl", "piper:nl.onnx", None),
        ("nl", "mbrola-nl9", "is not an available voice; write one of kokoro, quick, or piper:NAME.onnx"),
        ("nl", "kokoro", None),
        ("zgh", "kokoro", "does not speak zgh; delete the line"),
        ("nl", "piper:nl", "does not name a model; write piper:NAME.onnx"),
        ("nl", "", "is not an available voice"),
    ],
)
def test_an_invalid_voice_name_is_reported_with_the_valid_ones(language: str, name: str, message: str | None) -> None:
    found = choice.mistake(language, name)
    assert (message is None and found is None) or (message and found and message in found)


def test_kokoro_speaks_what_it_can_unless_another_voice_is_configured() -> None:
    configured = {"nl": "mbrola-nl2", "en": "quick"}  # a voice of an earlier version is missing, and its audio stays
    assert choice.wanted(configured, ("ar", "nl", "en", "pt")) == {"ar": "kokoro", "nl": "mbrola-nl2"}


def test_without_slow_voices_only_the_others_are_left(tmp_path: Path) -> None:
    configured = {"nl": "mbrola-nl2", "fr": "piper:x.onnx"}
    assert choose(choice.wanted(configured, ("ar", "fr", "nl")), tmp_path).any_slow
    assert choice.wanted(configured, ("ar", "fr", "nl"), slow=False) == {"nl": "mbrola-nl2"}
    assert not choose(choice.wanted(configured, ("ar", "fr", "nl"), slow=False), tmp_path).any_slow


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.onnx", "the file {model} does not exist; put it there, or correct its name in site.toml"),
        ("model.onnx.json", "the file {model}.json does not exist; put it there"),
        ("[", "{model}.json cannot be read"),
        ('{"language": {"code": "fr_FR"}}', "according to {model}.json it speaks fr, not nl; choose another one"),
        ('{"espeak": {"voice": "en-us"}}', "according to {model}.json it speaks en, not nl; choose another one"),
    ],
)
def test_an_unusable_piper_voice_explains_why(tmp_path: Path, change: str, message: str) -> None:
    model = piper_tone.write(tmp_path / "piper", "model", "nl")
    if change.startswith("model"):
        (tmp_path / "piper" / change).unlink()
    else:
        Path(f"{model}.json").write_text(change)
    with pytest.raises(VoiceMissingError) as error:
        find("nl", "piper:model.onnx", tmp_path)
    assert str(error.value).startswith(message.format(model=model))


def test_without_piper_s_package_the_message_has_the_command_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piper_tone.write(tmp_path / "piper", "model", "nl")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    command = f"{sys.executable} -m pip install --require-hashes -r requirements/piper.txt"
    with pytest.raises(VoiceMissingError, match=f"run `{command}`"):
        find("nl", "piper:model.onnx", tmp_path)


def test_a_piper_voice_speaks(tmp_path: Path) -> None:
    model = piper_tone.write(tmp_path / "voices" / "piper", "model", "en")
    chosen = choose({"en": "piper:model.onnx", "fr": f"piper:{model}"}, tmp_path / "voices")
    assert list(chosen.voices) == ["en"]
    assert "it speaks en, not fr" in chosen.missing["fr"]
    texts = {"hello": "Hello there.", "wait": "Please wait. It takes a minute."}
    report = build_small(tmp_path, chosen, texts, ["en"])
    assert [problem.language for problem in report.problems] == ["fr"]
    assert set(sources(tmp_path).values()) == {"piper:model.onnx"}
    seconds = [used(tmp_path).seconds("en", prompt) or 0 for prompt in ("hello", "wait")]
    assert 0.3 < seconds[0] < seconds[1] < 6
    before = chosen.voices["en"].fingerprint
    model.write_bytes(b"not a model")
    broken = choose({"en": "piper:model.onnx"}, tmp_path / "voices")
    assert broken.voices["en"].fingerprint != before
    report = build_small(tmp_path, broken, {"hello": "Hello."})
    assert f"en/hello failed 2 times (piper:model.onnx refused: {model} cannot be loaded" in report.problems[0].found
    assert sources(tmp_path) == {"hello": "usual"}


def test_the_controller_imports_no_voice_so_nothing_is_synthesised_during_a_call() -> None:
    program = "import sys, ivr.__main__, ivr.controller.controller; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "prompts.manifest" in loaded
    engines = {"prompts.build", "prompts.say", "prompts.voices.process"}
    engines |= {f"prompts.voices.{engine}" for engine in ("espeak", "pico", "piper", "worker")}
    assert not engines & set(loaded)


def test_digits_keys_and_the_name_have_the_speed_that_a_voice_has_for_them() -> None:
    slow = Voice("slow", "prompt_engine", "voice", (("speed", 0.8),), digits=(("speed", 1.4),), swift=(("speed", 1.2),))
    for prompt, speed in (
        ("digit_7", 1.4),
        ("key_7", 1.2),
        ("institution", 1.2),
        ("language_option", 1.2),
        ("press_7", 0.8),
        ("main_file", 0.8),
    ):
        assert slow.of(prompt).settings == (("speed", speed),), prompt
    assert USUAL.of("key_7") is USUAL


def test_audio_of_a_voice_that_only_earlier_versions_had_stays_and_the_voice_is_reported(tmp_path: Path) -> None:
    """As a line that upgrades has it: the clips are MBROLA's, and `site.toml` still names it."""
    earlier = Choice({"en": "mbrola-nl2"}, {"en": Voice("mbrola-nl2", "prompt_engine", "voice")}, {})
    build_small(tmp_path, earlier, {"hello": "Hello."})
    before = used(tmp_path)
    report = build_small(tmp_path, choose({"en": "mbrola-nl2"}, tmp_path / "voices"), {"hello": "Hello."})
    assert [(problem.language, "no longer supported" in problem.found) for problem in report.problems] == [("en", True)]
    assert used(tmp_path) == before
