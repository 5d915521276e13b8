"""Vowels for Arabic: which words lack them, how good drafts are, and that no draft is spoken before its release."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
import zlib
from datetime import date
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import prompt_lines as lines
import prompt_sites as sites
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from properties import examples
from shell import Shell

from prompts import catalogue, manifest, po, release, text_rules, vowels
from prompts.build import build
from prompts.say import TextError, say
from prompts.tashkeel import Doubt, Memory, draft
from prompts.voices import Voice
from prompts.vowel_model import Text2Tashkeel

MODEL = Text2Tashkeel()
SITE = catalogue.load(lines.EXAMPLE)
TEXTS = {prompt: SITE.text("ar", prompt) or "" for prompt in SITE.ids}
PARTS = 10
NOTHING = Memory([])
KNOWN = Memory(TEXTS.values())


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


def test_a_vowelled_text_stays_unchanged() -> None:
    for text in TEXTS.values():
        kept = draft(text, MODEL, NOTHING)
        assert (kept.text, kept.words) == (text, ())


@pytest.mark.parametrize("written", ["كُتب", "كَتب", "درَّس", "مدرّس", "هٰذا", "منْ الاتصال", "كتبٍ", "بيـت"])
def test_existing_marks_stay_and_the_rest_of_the_word_is_drafted(written: str) -> None:
    drafted = draft(written, MODEL, KNOWN).text
    assert vowels.unvowelled(drafted) == []
    given, made = (
        [item for word in vowels.WORD.findall(text) for item in vowels.letters(word)] for text in (written, drafted)
    )
    assert [item.letter for item in made] == [item.letter for item in given]
    assert all(set(here.marks) <= set(there.marks) for here, there in zip(given, made, strict=True))


def test_only_words_without_vowels_change() -> None:
    text = "اَلْمَرْجُوُّ الانتظار [12]، SMS 👍 <b>كتابی</b> {name}\u200f ۳"
    drafted = draft(text, MODEL, NOTHING)
    assert [word.written for word in drafted.words if word.drafted != word.written] == ["الانتظار"]
    assert vowels.bare(drafted.text) == vowels.bare(text)
    assert {word.written for word in drafted.unsure if word.doubt is Doubt.FOREIGN} == {"SMS", "b", "كتابی", "name"}


@settings(max_examples=examples(200), deadline=None)
@given(
    some.text(
        some.sampled_from(
            "ابتنويىءآأئةلپ" + "\u064b\u064e\u064f\u0650\u0651\u0652\u0670\u0640" + "یa1 .،\n😀\u200d\u0654"
        ),
        max_size=40,
    )
)
def test_no_text_loses_anything(text: str) -> None:
    drafted = draft(text, MODEL, KNOWN).text
    assert vowels.bare(drafted) == vowels.bare(unicodedata.normalize("NFC", text))


def test_a_text_of_two_thousand_letters_is_drafted_whole() -> None:
    text = ("الوثائق المطلوبة هي جواز السفر وصورتان. " * 60)[:2_000]
    drafted = draft(text, MODEL, NOTHING)
    assert vowels.bare(drafted.text) == text
    assert not vowels.unvowelled(drafted.text)


def test_a_word_is_drafted_as_in_the_site_s_texts() -> None:
    assert "مِلَفِّكُمْ" not in draft("وضعية ملفكم", MODEL, NOTHING).text
    assert "مِلَفِّكُمْ" in draft("وضعية ملفكم", MODEL, Memory(["رَقْمُ مِلَفِّكُمْ"])).text
    assert draft("هذا", MODEL, Memory(["هٰذَا"])).text == "هٰذَا"


def test_two_consonants_get_a_helping_vowel() -> None:
    known = Memory(["أَوْ مِنْ عَلَيْكُمْ اتِّصَالٍ الِاتِّصَالِ"])
    assert draft("أو اتصال", MODEL, known).text.startswith("أَوِ ")
    assert draft("من الاتصال", MODEL, known).text.startswith("مِنَ ")
    assert draft("عليكم الاتصال", MODEL, known).text.startswith("عَلَيْكُمُ ")
    assert draft("من اتصال", MODEL, known).text.startswith("مِنِ ")
    assert draft("من، الاتصال", MODEL, known).text.startswith("مِنْ، اَ")


def test_the_model_s_library_reports_nothing_to_its_maker() -> None:
    """Unset, onnxruntime 1.32 connects to mobile.events.data.microsoft.com, as a proxy in these tests has seen."""
    reports = "import os, prompts.vowel_model; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    shown = subprocess.run([sys.executable, "-c", reports], env=kept, capture_output=True, text=True, check=True)
    assert shown.stdout == "1\n"


@pytest.mark.parametrize("parts", [3, pytest.param(PARTS, marks=pytest.mark.long)])
def test_few_words_are_wrong_and_most_of_those_are_marked(parts: int) -> None:
    """Measured on the site's own texts; those of one procedure are drafted from the texts of the others."""
    words = wrong = named = found = 0
    for part in range(parts):
        memory = Memory(text for prompt, text in TEXTS.items() if _part(prompt) != part)
        for text in (text for prompt, text in TEXTS.items() if _part(prompt) == part):
            drafted = draft(vowels.bare(text), MODEL, memory)
            ours = {word.at: word for word in drafted.words}
            for place, right in zip(vowels.WORD.finditer(drafted.written), vowels.WORD.findall(text), strict=True):
                word = ours.get(place.start())
                is_wrong = _without_start(word.drafted if word else place.group()) != _without_start(right)
                is_named = bool(word and word.doubt)
                words, wrong, named = words + 1, wrong + is_wrong, named + is_named
                found += is_wrong and is_named
    # Imperatives and lists without a verb are drafted worse than the sentences of the former texts (.06, .23 and .01).
    assert words > 300 * parts
    assert wrong / words < 0.1
    assert named / words < 0.36
    assert (wrong - found) / words < 0.025


def _part(prompt: str) -> int:
    """Return the part of a text; all texts of a procedure are in the same part."""
    match = re.match(r"guide_[a-z]+", prompt)
    return zlib.crc32((match.group() if match else prompt).encode()) % PARTS


def _without_start(word: str) -> str:
    """Ignore the first alef's vowel, which depends on what precedes the word."""
    return re.sub("^ا[\u064e-\u0650]", "ا", word)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small site whose text `wait` has no vowels."""
    folder = lines.checkout(tmp_path / "checkout")
    file = _arabic(folder)
    file.write_text(po.change(po.read(file), "wait", po.Change(False, vowels.bare(TEXTS["wait"]))))
    return folder


def _arabic(checkout: Path) -> Path:
    return checkout / "sites" / "consulate" / "locale" / "ar" / catalogue.FILE


def _hatif(checkout: Path, command: str, answer: str = "") -> tuple[int, str]:
    """Return the status and the output of a command whose question gets that answer."""
    with patch.object(sys, "stdin", StringIO(answer)):
        result = Shell(checkout / "var", checkout / "sites" / "consulate").run(*shlex.split(command))
    return result.returncode, result.stdout + result.stderr


def test_a_draft_in_the_catalogue_is_not_spoken_until_a_person_has_released_it(checkout: Path) -> None:
    file, before = _arabic(checkout), po.read(_arabic(checkout))
    status, message = _hatif(checkout, "prompts tashkeel --all")
    assert (status, po.read(file)) == (0, before)
    assert message.startswith("wait\n")
    status, message = _hatif(checkout, "prompts tashkeel --all --write")
    assert status == 0, message
    assert "1 drafted, marked fuzzy" in message
    texts = catalogue.load(checkout / "sites" / "consulate")
    entry = texts.entry("ar", "wait")
    assert entry
    assert (entry.fuzzy, texts.text("ar", "wait"), vowels.unvowelled(entry.text)) == (True, None, [])
    assert [problem.code for problem in texts.problems() if problem.id == "wait"] == ["E_TEXT_FUZZY"]

    assert _hatif(checkout, "prompts release wait", "n\n")[0] == 0
    assert "#, fuzzy" in po.read(file)
    status, message = _hatif(checkout, "prompts release wait --by 'Ada  Lovelace'", "y\n")
    assert (status, entry.text in message, entry.source in message) == (0, True, True)
    texts = catalogue.load(checkout / "sites" / "consulate")
    assert texts.text("ar", "wait") == entry.text
    after = po.read(file)
    assert re.search(r'# Released by Ada Lovelace on \d{4}-\d\d-\d\d\.\n(#\..*\n)*msgctxt "wait"\n', after)
    assert "tashkeel" not in after
    assert "is not marked fuzzy" in _hatif(checkout, "prompts release wait", "y\n")[1]


def test_a_draft_changes_nothing_else_in_the_catalogue_and_pybabel_changes_nothing_either(checkout: Path) -> None:
    file = _arabic(checkout)
    _update(checkout)
    before = file.read_bytes()
    assert _hatif(checkout, "prompts tashkeel wait --write")[0] == 0
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
    commands = re.findall(r"^\.venv/bin/(pybabel .*)$", (lines.ROOT / "docs" / "texts.md").read_text(), re.MULTILINE)
    result = lines.run(checkout, lines.quick("\n".join(f".venv/bin/{item}" for item in commands)))
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
    content = release.add_drafts(po.read(file), [("hello", draft("مرحبا.", MODEL, NOTHING))])
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
        ("tashkeel", "Write the ids of texts, or --all, or --text TEXT"),
        ("tashkeel wait --all", "Write the ids of texts, or --all, or --text TEXT"),
        ("tashkeel --text مرحبا --write", "write the id of the text"),
        ("tashkeel --text Hello", "no Arabic word in the text: Hello"),
        ("tashkeel --text ''", "no Arabic word in the text"),
        ("tashkeel nothing", "has no text nothing"),
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


def test_without_the_package_the_command_reports_what_to_install(checkout: Path) -> None:
    (checkout / "text2tashkeel.py").write_text('raise ImportError("it is not here")')
    result = lines.run(checkout, "PYTHONPATH=$PWD .venv/bin/hatif prompts tashkeel --text مرحبا")
    assert result.returncode == 1
    assert result.stderr == (
        "hatif: text2tashkeel==0.1.0, which drafts vowels, cannot be used (it is not here); "
        "install it with `.venv/bin/pip install --require-hashes -r requirements/tashkeel.txt`.\n"
    )


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
