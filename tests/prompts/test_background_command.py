"""`hatif prompts build --background`: a language gets its slow voice, seen from outside, and calls hear one voice."""

import json
import subprocess
from pathlib import Path
from typing import Any

import piper_tone
import prompt_lines as lines
import pytest
import warm_up
from shell import Answer

from ivr.flow.versions import VersionStore
from ivr.site import site as sites
from prompts import manifest

VOICE = "piper:tone.onnx"
BACKGROUND = "import sys, cli.main as hatif; sys.argv = ['hatif', 'prompts', 'build', '--background']; hatif.main()"
LANGUAGES = ("ar", "fr", "es", "it", "nl", "de", "en")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose Dutch is to be spoken by a slow voice, with its quick audio."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HATIF_VOICES")
    made = lines.checkout(tmp_path / "checkout")
    toml = made / "sites/consulate/site.toml"
    voices = "\n".join(f'{language} = "{VOICE if language == "nl" else "quick"}"' for language in LANGUAGES)
    toml.write_text(toml.read_text().replace("[hours]\n", f"[voices]\n{voices}\n\n[hours]\n", 1))
    piper_tone.write(made / "var/voices/piper", "tone", "nl")
    return made


def answered(checkout: Path, words: str) -> Answer | subprocess.CompletedProcess[str]:
    """Return a command's answer; in this process, except for the one that lowers its priority, which is forked."""
    if "--background" in words:
        return lines.run(checkout, lines.quick(f".venv/bin/hatif {words}"))
    return lines.hatif(checkout, words)


def run(checkout: Path, words: str) -> str:
    """Return what a command prints."""
    answer = answered(checkout, words)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def dutch(checkout: Path) -> dict[str, Any]:
    rows = json.loads(run(checkout, "prompts status --json"))
    found: dict[str, Any] = next(row for row in rows if row["language"] == "nl")
    return found


def voices(of: manifest.Manifest) -> set[str]:
    return {audio.source for prompt, audio in of.prompts["nl"].items() if not lines.is_name(prompt)}


async def test_a_call_that_began_before_the_switch_hears_one_voice_and_another_machine_can_have_what_was_spoken(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nl: its slow voice will be used once everything is spoken" in run(checkout, "prompts build")
    quick = (checkout / "var/sounds/manifest.json").read_bytes()
    before = dutch(checkout)["slow"]
    assert (before["voice"], before["made"], before["state"]) == (VOICE, 0, "stopped")
    site, home = checkout / "sites/consulate", checkout / "var"
    versions = VersionStore(site, home / "versions", home / "sounds", sites.load(site))
    call = versions.current
    assert voices(call.sounds) == {"pyttsx3"}
    assert "Nothing is left to do." in run(checkout, "prompts build --background")
    after = dutch(checkout)["slow"]
    assert (after["made"], after["state"], after["left_s"]) == (before["of"], "in use", None)
    assert voices((await versions.refresh()).sounds) == {VOICE}
    # Another controller reads the call's version from the disk.
    again = VersionStore(site, home / "versions", home / "sounds", sites.load(site)).version(call.name)
    assert again is not None
    assert voices(again.sounds) == {"pyttsx3"}
    run(checkout, "prompts build")
    for audio in again.sounds.prompts["nl"].values():
        assert all(path.is_file() for path in manifest.paths(home / "sounds", audio.file))
    is_heard_on_another_machine(checkout, tmp_path, quick, monkeypatch)


def is_heard_on_another_machine(checkout: Path, tmp_path: Path, quick: bytes, patched: pytest.MonkeyPatch) -> None:
    """AssertionError unless what was spoken comes to a machine that has `quick` audio, with its model only."""
    sounds, archive = checkout / "var/sounds/manifest.json", tmp_path / "voices.tar"
    count = dutch(checkout)["slow"]["of"]
    assert f"{archive}: {count} clips" in " ".join(run(checkout, f"prompts export {archive}").split())
    refused = lines.hatif(checkout, f"prompts export {tmp_path}/none/voices.tar")
    assert (refused.returncode, refused.stderr.strip()) == (
        1,
        f"hatif: {tmp_path}/none/voices.tar could not be written (No such file or directory); "
        "choose another place, or make room.",
    )
    # The other machine: its cache is empty, and at first it lacks the model.
    patched.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    sounds.write_bytes(quick)
    (checkout / "var/voices").rename(checkout / "var/elsewhere")
    answer = lines.hatif(checkout, f"prompts import {archive}")
    assert f"{count} are of other texts or voices" in answer.stdout
    assert answer.stderr.startswith(f"hatif: nl: the quick voice stays: {VOICE}: the file ")
    (checkout / "var/elsewhere").rename(checkout / "var/voices")
    printed = run(checkout, f"prompts import {archive}")
    assert f"{count} clips are new, 0 were here" in printed
    assert "New calls in nl hear the slow voice." in printed
    assert voices(manifest.load(sounds)) == {VOICE}
    assert json.loads(run(checkout, f"prompts import {archive} --json")) == {
        "new": 0, "known": count, "foreign": 0, "languages": {},
    }  # fmt: skip


def test_what_callers_do_not_hear_at_all_is_spoken_first(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_VOICES", "quick")
    run(checkout, "prompts build")
    sounds = checkout / "var/sounds"
    whole = manifest.load(sounds / manifest.FILE)
    left = {language: dict(list(prompts.items())[::2]) for language, prompts in whole.prompts.items()}
    (sounds / manifest.FILE).write_bytes(manifest.dump(manifest.Manifest(left)))  # as after `setup --guide-later`
    (sounds / manifest.LEFT).touch()
    assert "Nothing is left to do." in run(checkout, "prompts build --background")
    assert manifest.load(sounds / manifest.FILE).files == whole.files
    assert not manifest.is_left(sounds)


def test_a_language_whose_texts_last_too_long_keeps_its_quick_voice_and_says_why(checkout: Path) -> None:
    toml = checkout / "sites/consulate/site.toml"
    toml.write_text(toml.read_text().replace("longest_text_s = 12", "longest_text_s = 2"))
    before = voices(manifest.load(checkout / "var/sounds/manifest.json"))
    assert "nl keeps its quick voice: " in run(checkout, "prompts build --background")
    row = dutch(checkout)["slow"]
    assert (row["state"], row["made"]) == ("quick", row["of"])
    assert "longest_text_s is 2" in row["why"]
    assert voices(manifest.load(checkout / "var/sounds/manifest.json")) == before


def test_where_a_clip_cannot_be_written_the_background_says_so(checkout: Path, tmp_path: Path) -> None:
    program = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1024, -1)); {BACKGROUND}"  # as a full disk
    answer = lines.run(checkout, f'{warm_up.sockets()}/bin/python -c "{program}"')
    assert (answer.returncode, answer.stderr.strip()) == (
        1,
        f"hatif: {tmp_path}/cache/hatif/clips could not be written (File too large); start again when it can",
    )


@pytest.mark.parametrize("words", ["prompts build --background", "prompts import {}/voices.tar"])
def test_a_voice_is_not_measured_where_there_is_no_audio_yet(checkout: Path, words: str) -> None:
    (checkout / "var/sounds/manifest.json").unlink()
    (checkout / "voices.tar").touch()
    answer = answered(checkout, words.format(checkout))
    assert (answer.returncode, answer.stderr.strip()) == (
        1,
        "hatif: There is no audio yet: run `hatif prompts build`, then try again.",
    )


def test_quick_voices_are_a_setting_of_the_environment(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATIF_VOICES", "quick")
    assert "slow" not in run(checkout, "prompts build")
    assert dutch(checkout)["slow"] is None
    assert voices(manifest.load(checkout / "var/sounds/manifest.json")) == {"pyttsx3"}
    monkeypatch.setenv("HATIF_VOICES", "best")
    answer = lines.hatif(checkout, "prompts build")
    assert (answer.returncode, answer.stderr.strip()) == (
        1,
        "hatif: HATIF_VOICES is 'best'; it must be 'quick', or not set.",
    )
