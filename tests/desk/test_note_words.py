"""The notes that changes leave in a case, in the words of the page."""

from datetime import UTC, datetime

import pytest

from db.case_rows import change_rows, new_pin_rows, unmade_rows
from desk.page import texts
from desk.page.note_words import in_words

NOW = datetime(2026, 12, 3, 8, tzinfo=UTC)
FILE = {
    "reference": "100000017",
    "state": "open",
    "priority": "normal",
    "due": None,
    "applicant": "Amal",
    "title": "Old",
}


def note(rows: list[tuple[str, dict[str, object]]]) -> str:
    return next(str(columns["text"]) for table, columns in rows if table == "case_note")


def shown(text: str, language: str) -> str:
    return in_words(texts.load()[language], "Africa/Casablanca", text)


def test_a_change_is_shown_with_the_names_of_the_page_and_its_reason_as_it_was_written() -> None:
    new = {
        "state": "in_progress",
        "due": datetime(2026, 12, 24, 10, tzinfo=UTC),
        "applicant": None,
        "title": "New; old",
    }
    text = note(change_rows(FILE, new, "1002", NOW, "state: she called"))
    assert shown(text, "fr") == (
        "État: Ouvert → En cours; Échéance: aucun → 24/12/2026 10:00; Nom du demandeur: supprimé; "
        "Objet: Old → New; old. state: she called"
    )
    assert "due" not in shown(text, "ar") and "in_progress" not in shown(text, "ar")


@pytest.mark.parametrize("text", ["", "state", "They will call again; state: open", "The state: open → closed."])
def test_what_a_person_wrote_is_as_it_was(text: str) -> None:
    assert shown(text, "fr") == text


def test_a_change_that_was_not_made_and_a_new_pin_are_sentences_of_the_page() -> None:
    assert shown(note(new_pin_rows("100000017", "x", "1002", NOW)), "en") == "A new PIN was given to the applicant."
    assert shown(note(new_pin_rows("100000017", "x", "1002", NOW)), "fr").startswith("Un nouveau")
    unmade = shown(note(unmade_rows("100000017", {"priority": "high"}, "1002", NOW)), "fr")
    assert unmade.startswith("Non modifié") and unmade.endswith("Priorité: Haute")
