"""What an answer in a caller's own words is about, found in the texts of the guide and in translators' synonyms."""

import tomllib
from functools import cache
from pathlib import Path

import pytest

from ivr.home.settings import CHECKOUT, EXAMPLE
from ivr.recognition.guide_finder import GuideFinder, answers
from prompts import catalogue, manifest, spoken_words
from prompts.guide_answers import Answers
from prompts.manifest import Audio, Manifest

QUESTIONS = tomllib.loads((CHECKOUT / "bench/speech/questions.toml").read_text(encoding="utf-8"))


@cache
def example() -> dict[str, Answers]:
    texts = catalogue.load(Path(EXAMPLE))
    return answers(
        {code: {name: texts.text(code, name) or "" for name in texts.ids} for code in QUESTIONS}, texts.words
    )


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_question_as_callers_ask_it_leads_to_its_procedure(language: str) -> None:
    finder = example()[language]
    found = {procedure: finder.find([question]) for procedure, question in QUESTIONS[language].items()}
    assert len(found) == 20
    assert sum(procedure in names for procedure, names in found.items()) >= 19, found
    assert sum(names == (procedure,) for procedure, names in found.items()) >= 14, found


@pytest.mark.parametrize(
    ("heard", "about"),
    [
        (["Mon père les morts nous voulons repatir le corps. Mon père les m"], "death"),
        (["J'adamai d'une bouche pour mes études."], "students"),
        (["Comme un échangeé m'ont permis de conduire."], "driving_licence"),
        (["rien du tout", "je voudrais un visa"], "visa"),
    ],
)
def test_what_a_recogniser_wrote_down_badly_is_found_as_well(heard: list[str], about: str) -> None:
    assert example()["fr"].find(heard)[0] == about


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_sentence_that_a_recogniser_wrote_twice_means_the_same(language: str) -> None:
    finder = example()[language]
    for question in QUESTIONS[language].values():
        assert finder.find([f"{question}. {question}."]) == finder.find([question])


@pytest.mark.parametrize(
    ("heard", "about"),
    [
        ("أريد تشر تنيل المغرب", "visa"),
        ("أريد أن أتزاوها جفيل كنسولية", "marriage"),
        ("وريد مؤدالة الشحادة الجميعية", "students"),
        ("رُخصة السياقة", "driving_licence"),
        ("ركستاساياقه", "driving_licence"),
    ],
)
def test_arabic_that_a_recogniser_divided_and_spelt_wrongly_is_found_by_its_sound(heard: str, about: str) -> None:
    assert about in example()["ar"].find([heard])


@pytest.mark.parametrize("heard", ["السلام عليكم", "شكرا جزيلا", "لا أعرف", "كيف حالك اليوم", "نعم", "ا و ي", "ـــ"])
def test_arabic_that_is_about_nothing_finds_nothing(heard: str) -> None:
    assert example()["ar"].find([heard]) == ()


@pytest.mark.parametrize("heard", [[], [""], ["bonjour madame"], ["euh"], ["?!", "…"], ["abc " * 500]])
def test_what_is_about_nothing_finds_nothing(heard: list[str]) -> None:
    assert example()["fr"].find(heard) == ()


def test_the_texts_are_read_again_once_they_were_built_anew(tmp_path: Path) -> None:
    def build(title: str, words: str) -> None:
        audio = Audio(file="a", text=title, source="quick", seconds=1.0)
        built = Manifest({"fr": {"guide_visa_title": audio}})
        (tmp_path / manifest.FILE).write_bytes(manifest.dump(built))
        spoken_words.write({"fr": {"words_guide_visa": (words,)}}, tmp_path)

    finder = GuideFinder(tmp_path)
    finder.prepare()  # nothing is built yet
    assert finder.find("fr", ["un visa"]) == ()
    build("Pour un visa,", "tampon d'entrée")
    finder.prepare()
    assert finder.find("fr", ["un visa"]) == ("visa",) == finder.find("fr", ["le tampon d'entrée"])
    assert finder.find("de", ["un visa"]) == ()
    build("Pour un visa,", "autorisation de séjour")
    finder.prepare()
    assert finder.find("fr", ["autorisation de séjour"]) == ("visa",)
    (tmp_path / manifest.FILE).write_bytes(b"{")
    finder.prepare()
    assert finder.find("fr", ["autorisation de séjour"]) == ("visa",)
