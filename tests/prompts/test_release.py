"""Texts before they are spoken: Arabic words that lack vowels, and that no fuzzy text is spoken before its release."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import date
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import prompt_lines as lines
import prompt_sites as sites
import pytest
from shell import Shell

from prompts import catalogue, manifest, po, release, text_rules, vowels
from prompts.build import build
from prompts.say import TextError, say
from prompts.voices import Voice

SITE = catalogue.load(lines.EXAMPLE)
TEXTS = {prompt: SITE.text("ar", prompt) or "" for prompt in SITE.ids}
DRAFTED = po.Change(True, TEXTS["wait"], tuple(po.comment("tashkeel: ", "drafted by machine, not released")))
"""A draft as an earlier version wrote it into the catalogue."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("مرحبا بكم", "مرحبا, بكم without vowels"),
        ("السَّلام عَلَيْكُمْ", "السَّلام without some of its vowels"),  # its ending
        ("مَدرسَةٌ", "مَدرسَةٌ without some of its vowels"),
        ("كبِيرٌ أو صَغِيرٌ", "أو without vowels and كبِيرٌ without some of its vowels"),
        ("كتبكم كتبكم", "كتبكم without vowels"),
        ("و", "و without vowels"),
        (
            " ".join(f"كت{item}" for item in "بتثجحخدذرز"),
            "كتب, كتت, كتث, كتج, كتح, كتخ, كتد, كتذ and 2 more without vowels",
        ),
    ],
)
def test_words_without_vowels_are_reported_one_by_one(text: str, words: str) -> None:
    (found,) = text_rules.findings(text, "ar")
    assert (found.code, found.found) == ("W_TEXT_VOWELS", words)


@pytest.mark.parametrize(
    "text",
    [
        "كِتابٌ والْكِتَابُ",  # a before an alef is optional
        "شُكْراً",
        "القَمَرُ وَالشَّمْسُ",  # so is the sukun of the article's l
        "فِي نُورٍ لَا مَا إِلَى هٰذَا",
        "عَـــلَى",
    ],
)
def test_a_word_with_only_one_reading_is_not_reported(text: str) -> None:
    assert text_rules.findings(text, "ar") == []


def test_letters_from_another_keyboard_or_a_pdf_are_reported() -> None:
    for text, named in (("كِتَابی", "ی U+06CC"), ("ﻣَﺮْﺣَﺒًﺎ", "ﻣ U+FEE3"), ("ک", "ک U+06A9")):
        found = text_rules.findings(text, "ar")[0]
        assert found.code == "E_TEXT_SCRIPT"
        assert named in found.found


def test_the_model_s_library_reports_nothing_to_its_maker() -> None:
    """Unset, onnxruntime 1.32 connects to mobile.events.data.microsoft.com, as a proxy in these tests has seen."""
    reports = "import os, prompts.voices.kokoro.model; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    shown = subprocess.run([sys.executable, "-c", reports], env=kept, capture_output=True, text=True, check=True)
    assert shown.stdout == "1\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small site."""
    return lines.checkout(tmp_path / "checkout")


def _arabic(checkout: Path) -> Path:
    return checkout / "sites" / "consulate" / "locale" / "ar" / catalogue.FILE


def _hatif(checkout: Path, command: str, answer: str = "") -> tuple[int, str]:
    """Return the status and the output of a command whose question gets that answer."""
    with patch.object(sys, "stdin", StringIO(answer)):
        result = Shell(checkout / "var", checkout / "sites" / "consulate").run(*shlex.split(command))
    return result.returncode, result.stdout + result.stderr


def test_a_draft_in_the_catalogue_is_not_spoken_until_a_person_has_released_it(checkout: Path) -> None:
    file, before = _arabic(checkout), po.read(_arabic(checkout))
    file.write_text(po.change(before, "wait", DRAFTED))
    texts = catalogue.load(checkout / "sites" / "consulate")
    entry = texts.entry("ar", "wait")
    assert entry
    assert (entry.fuzzy, texts.text("ar", "wait"), vowels.unvowelled(entry.text)) == (True, None, [])
    assert [problem.code for problem in texts.problems() if problem.id == "wait"] == ["E_TEXT_FUZZY"]

    assert _hatif(checkout, "prompts release wait", "n\n")[0] == 0
    assert "#, fuzzy" in po.read(file)
    status, message = _hatif(checkout, "prompts release wait --by 'Ada  Lovelace'", "y\n")
    assert "drafted by machine, not released" in message
    assert (status, entry.text in message, entry.source in message) == (0, True, True)
    texts = catalogue.load(checkout / "sites" / "consulate")
    assert texts.text("ar", "wait") == entry.text
    after = po.read(file)
    assert re.search(r'# Released by Ada Lovelace on \d{4}-\d\d-\d\d\.\n(#\..*\n)*msgctxt "wait"\n', after)
    assert "tashkeel" not in after
    assert "is not marked fuzzy" in _hatif(checkout, "prompts release wait", "y\n")[1]


def test_a_release_changes_nothing_else_in_the_catalogue_and_pybabel_changes_nothing_either(checkout: Path) -> None:
    file = _arabic(checkout)
    _update(checkout)
    before = file.read_bytes()
    file.write_text(po.change(po.read(file), "wait", DRAFTED))
    drafted = file.read_bytes()
    _update(checkout)
    assert file.read_bytes() == drafted
    assert _other_entries(drafted) == _other_entries(before)
    assert _hatif(checkout, "prompts release wait", "y\n")[0] == 0
    released = file.read_bytes()
    _update(checkout)
    assert file.read_bytes() == released
    assert _other_entries(released) == _other_entries(before)


def _update(checkout: Path) -> None:
    result = lines.run(checkout, lines.quick("\n".join(f".venv/bin/{item}" for item in lines.PYBABEL)))
    assert result.returncode == 0, result.stderr


def _other_entries(content: bytes) -> list[bytes]:
    return [item for item in content.split(b"\n\n") if b'msgctxt "wait"' not in item]


def test_the_old_audio_of_a_draft_stays_in_use(tmp_path: Path) -> None:
    voices = {item: Voice("pico", "prompt_engine", "voice") for item in ("ar", "en")}
    sites.catalogue(tmp_path, "en", {"hello": ("Hello.", "")})
    file = sites.catalogue(tmp_path, "ar", {"hello": ("Hello.", "مرحبا.")})

    def audio() -> str | None:
        build(catalogue.load(tmp_path), tmp_path / "sounds", tmp_path / "recordings", voices=voices)
        return manifest.load(tmp_path / "sounds" / manifest.FILE).file("ar", "hello")

    former = audio()
    content = po.change(po.read(file), "hello", po.Change(True, "مَرْحَبًا."))
    file.write_text(content)
    assert former is not None
    assert audio() == former
    file.write_text(release.mark_released(content, "hello", "a person", date(2026, 11, 25)))
    assert audio() not in (former, None)


def test_a_catalogue_from_another_editor_keeps_its_format(tmp_path: Path) -> None:
    before = '#. For translators.\n#: texts.yaml:3\n#| msgid "Old."\n#, no-wrap\nmsgctxt "{0}"\n'
    entry = before + 'msgid "Wait."\nmsgstr "" \n  "مر"\n  "حبا"\n'
    content = (sites.HEADER.format("ar") + "\n" + entry.format("a") + "\n" + entry.format("b")).replace("\n", "\r\n")
    changed = po.change(content, "b", po.Change(True, "مَرْحَبًا"))
    first, second = changed.split("\r\n\r\n")[:2], changed.split("\r\n\r\n")[2]
    assert first == content.split("\r\n\r\n")[:2]
    assert second.replace("\r\n", "\n").startswith("#. For translators.\n#: texts.yaml:3\n#, ")
    assert "fuzzy" in second
    assert second.endswith('msgctxt "b"\r\nmsgid "Wait."\r\nmsgstr "مَرْحَبًا"\r\n')
    assert "Old" not in second
    file = tmp_path / "hatif.po"
    file.write_bytes(content.encode())
    po.replace(file, content, changed)
    assert file.read_bytes() == changed.encode()


def test_a_translator_s_concurrent_change_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "hatif.po"
    file.write_text("theirs")
    with pytest.raises(catalogue.CatalogueError, match="it has changed in the meantime"):
        po.replace(file, "before", "ours")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]


def test_a_releaser_s_name_stays_on_one_comment_line() -> None:
    content = sites.HEADER.format("ar") + '\n#, fuzzy\nmsgctxt "a"\nmsgid "A."\nmsgstr "B."\n'
    for name in ('Eve"\nmsgstr "C.', "\x1b[31m", "é" * 500, " "):
        after = release.mark_released(content, "a", name, date(2026, 11, 25))
        assert after.endswith('\nmsgctxt "a"\nmsgid "A."\nmsgstr "B."\n')
        added = [line for line in after.splitlines() if line not in content.splitlines()]
        assert added
        assert all(line.startswith("# ") and line.isprintable() and len(line) < 76 for line in added)


def test_an_impossible_command_explains_why(checkout: Path) -> None:
    before = po.read(_arabic(checkout))
    for command, words in (
        ("release nothing", "There is no text nothing"),
        ("release wait", "not marked fuzzy in any language"),
        ("release wait --language xx", "'xx' has no texts; the languages are ar, "),
    ):
        answer = Shell(checkout / "var", checkout / "sites" / "consulate").run("prompts", *shlex.split(command))
        message = answer.stdout + answer.stderr
        assert (answer.returncode, message.count("\n")) == (1, 1), command
        assert message.startswith("hatif: ")
        assert words in message, command
        assert po.read(_arabic(checkout)) == before


def test_a_text_that_no_voice_can_speak_is_not_released(checkout: Path) -> None:
    file = _arabic(checkout)
    file.write_text(po.change(po.read(file), "wait", po.Change(True, "اِنْتَظِرُوا SMS.")))
    before = po.read(file)
    status, message = _hatif(checkout, "prompts release wait", "y\n")
    assert (status, po.read(file)) == (1, before)
    assert "E_TEXT_SCRIPT letters of another script (SMS)" in message


@pytest.mark.parametrize(
    ("text", "language", "named"),
    [
        ("Bonjour <b>😀</b>\x07", "fr", ["markup or a symbol (<)", "😀, which no voice", "control character (U+0007)"]),
        ("مرحبا Bonjour", "fr", ["letters of another script (مرحبا)"]),
        ("Bonjour " * 250, "fr", ["2000 characters; split it"]),
        ("مَرْحَبًا " * 200 + "👍🏽", "ar", ["characters; split it", "🏽 👍, which no voice"]),
        ("1️⃣ bonjour", "fr", ["U+20E3 U+FE0F, which no voice"]),
        ("Prix : 5 € ± 2 ×", "fr", ["± × €, which no voice"]),
        ("bon\u202ejour\u0000", "fr", ["control character (U+0000, U+202E)"]),
        ("\udcff bonjour", "fr", ["U+DCFF, which no voice"]),
        ("💥" * 2_000, "fr", ["2000 characters", "💥", "no letters"]),
        ("", "ar", ["no letters"]),
    ],
)
def test_all_problems_of_a_text_are_reported_at_once(
    tmp_path: Path, text: str, language: str, named: list[str]
) -> None:
    out = tmp_path / "said.wav"
    shutil.copy(__file__, out)
    with pytest.raises(TextError) as refused:
        say(text, language, out)
    for words in named:
        assert words in str(refused.value)
    assert out.read_bytes() == Path(__file__).read_bytes()


def test_an_unspeakable_text_keeps_its_old_audio_and_does_not_delay_others(tmp_path: Path) -> None:
    bad = {
        "script": ("مرحبا", "E_TEXT_SCRIPT"),
        "markup": ("<speak>Bonjour</speak>", "E_TEXT_MARKUP"),
        "emoji": ("Bonjour 👋🏽", "E_TEXT_SYMBOL"),
        "control": ("Bon\u200fjour", "E_TEXT_CONTROL"),
        "long": ("Bonjour à tous " * 134, "E_TEXT_LONG"),
    }
    voices = {"fr": Voice("pico", "prompt_engine", "voice"), "en": Voice("pico", "prompt_engine", "voice")}
    sites.catalogue(tmp_path, "en", {item: (f"Hello {item}.", "") for item in (*bad, "good")})

    def built(texts: dict[str, str]) -> dict[str, str | None]:
        sites.catalogue(tmp_path, "fr", {item: (f"Hello {item}.", text) for item, text in texts.items()})
        build(catalogue.load(tmp_path), tmp_path / "sounds", tmp_path / "recordings", voices=voices)
        heard = manifest.load(tmp_path / "sounds" / manifest.FILE)
        return {text: heard.file("fr", text) for text in texts}

    former = built({item: f"Bonjour {item}." for item in (*bad, "good")})
    now = built({item: text for item, (text, _) in bad.items()} | {"good": "Bonsoir."})
    assert None not in former.values()
    assert {item for item in now if now[item] != former[item]} == {"good"}
    problems = {
        (problem.id, problem.code) for problem in catalogue.load(tmp_path).problems() if problem.code.startswith("E_")
    }
    assert problems == {(item, code) for item, (_, code) in bad.items()}
