"""The page for native speakers: which sentences it has, what it hides, and what its form saves."""

import re
import wave
from dataclasses import replace
from pathlib import Path

import prompt_lines as lines
import prompt_sites as sites
import pytest

from prompts import catalogue, listening
from prompts.catalogue import CatalogueError
from prompts.listening_words import LABELS
from prompts.voices import Voice, voice_of

SITE = Path(__file__).parents[2] / "sites" / "consulate"
FRENCH = {
    "menu": ("For your file,", "Pour votre dossier, appuyez,"),
    "same": ("Please wait a little.", "Veuillez patienter un instant."),
    "again": ("Please wait a bit.", "Veuillez patienter un instant."),
    "other": ("Our office opens at nine.", "Notre bureau rouvrira jeudi quinze."),
    "new": ("New.", ""),
}


def texts(folder: Path) -> catalogue.Catalogues:
    sites.catalogue(folder, "en", {key: (source, "") for key, (source, _) in FRENCH.items()})
    sites.catalogue(folder, "fr", FRENCH)
    return catalogue.load(folder)


def test_the_sentences_are_whole_and_differ_in_their_sounds(tmp_path: Path) -> None:
    found = listening.choose(texts(tmp_path), "fr", 2)
    assert set(found) == {"other", "same"}
    site = catalogue.load(SITE)
    chosen = listening.choose(site, "ar")
    assert listening.choose(site, "ar") == chosen
    arabic = "".join(site.text("ar", prompt) or "" for prompt in chosen)
    assert set("ءبتثجحخدذرزسشصضطظعغفقكلمنهوي") - set(arabic) <= {"ء"}


def test_the_page_plays_each_sentence_as_by_telephone(tmp_path: Path) -> None:
    out = tmp_path / "page"
    made = listening.make(texts(tmp_path), "fr", out, voice=voice_of("fr"), ids=["other", "same"])
    assert sorted(file.name for file in out.iterdir()) == ["01-other.wav", "02-same.wav", "index.html"]
    with wave.open(str(out / made[0].file), "rb") as audio:
        assert audio.getframerate() == 8_000
        assert audio.getnframes() > 8_000
    page = (out / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<audio[^>]* src="([^"]+)"', page) == ["01-other.wav", "02-same.wav"]
    assert "http" not in page


def test_a_text_is_no_markup() -> None:
    page = listening.page("fr", [listening.Sentence("wait", "Un <b>instant", "01-wait.wav")], "pico", "1a2b").decode()
    assert "Un &lt;b&gt;instant" in page


def test_the_text_is_hidden_until_the_listener_asks_for_it() -> None:
    page = listening.page("ar", [listening.Sentence("wait", "لَحْظَةً.", "01-wait.wav")], "pico", "1a2b").decode()
    assert '<html lang="ar" dir="rtl">' in page
    hidden = re.search(r"<details>.*</details>", page, re.DOTALL)
    assert hidden
    assert 'lang="ar" dir="rtl">لَحْظَةً.</p>' in hidden.group()
    assert "wait.heard" in page.replace(hidden.group(), "")


def test_the_page_is_in_the_listener_s_language_or_else_in_english() -> None:
    def page(language: str) -> str:
        return listening.page(language, [listening.Sentence("wait", "…", "01-wait.wav")], "pico", "1a2b").decode()

    assert '<html lang="fr" dir="ltr">' in page("fr")
    assert "Test d&#39;écoute: français" in page("fr")
    assert '<html lang="en" dir="ltr">' in page("zgh")
    assert {*LABELS} == {"ar", "de", "en", "es", "fr", "it", "nl"}
    assert all(labels.keys() == LABELS["en"].keys() for labels in LABELS.values())
    for key in ("clear_choices", "sound_choices", "speed_choices"):
        assert len({labels[key].count("|") for labels in LABELS.values()}) == 1


def test_judgements_of_an_older_voice_are_not_those_of_this_one(tmp_path: Path) -> None:
    def audio(name: str, voice: Voice, ids: list[str]) -> str:
        out = tmp_path / name
        listening.make(texts(tmp_path), "fr", out, voice=voice, ids=ids)
        found = re.search(r'data-audio="(\w+)"', (out / "index.html").read_text(encoding="utf-8"))
        assert found
        return found[1]

    voice = voice_of("fr")
    first = audio("first", voice, ["same"])
    assert first == audio("again", voice, ["same"])
    assert first != audio("slower", replace(voice, settings=(("speed", 0.8),)), ["same"])
    assert first != audio("other", voice, ["other"])


@pytest.mark.parametrize(
    ("language", "ids", "wrong"),
    [
        ("xx", [], "no such catalogue"),
        ("fr", ["new"], "no released text new"),
        ("fr", ["none"], "no released text none"),
    ],
)
def test_what_does_not_exist_is_named(tmp_path: Path, language: str, ids: list[str], wrong: str) -> None:
    with pytest.raises(CatalogueError, match=wrong):
        listening.make(texts(tmp_path), language, tmp_path / "page", voice=voice_of("fr"), ids=ids)
    assert not (tmp_path / "page").exists()


def test_the_command_writes_the_page_or_says_what_is_wrong(tmp_path: Path) -> None:
    checkout = lines.checkout(tmp_path / "checkout")
    command = f"prompts listen --language fr --out {checkout}/page --text"
    done = lines.hatif(checkout, f"{command} goodbye")
    assert done.returncode == 0, done.stderr
    assert f"Open {checkout}/page/index.html in a browser." in " ".join(done.stdout.split())
    assert (checkout / "page" / "01-goodbye.wav").is_file()
    refused = lines.hatif(checkout, f"{command} none")
    assert refused.returncode == 1
    assert "there is no released text none" in refused.stderr
