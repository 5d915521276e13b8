"""Operators' names: which one is spoken, and by which voice."""

import pytest

from ivr.audio.names import clip_of, names
from ivr.home.settings import CHECKOUT
from ivr.site import operators, site
from ivr.site.operators import OperatorEntry
from prompts.manifest import Audio, Manifest

SITE = CHECKOUT / "sites" / "consulate"


def operator(name: str, *languages: str) -> OperatorEntry:
    return OperatorEntry("1001", name, dict.fromkeys(languages, 5), frozenset(), supervisor=False)


@pytest.mark.parametrize(
    ("name", "language", "reader"),
    [("Ghali", "ar", "fr"), ("Ghali", "nl", "nl"), ("Ghali", "zgh", "fr"), ("غالي", "it", "ar"), ("ⵖⴰⵍⵉ", "ar", None)],
)
def test_if_a_voice_lacks_the_script_of_a_name_the_next_in_the_chain_reads_it(
    name: str, language: str, reader: str | None
) -> None:
    """Amazigh has no voice."""
    (made,) = names([operator(name, language, "en")], site.load(SITE))
    assert (made.language, made.id, made.text, made.reader) == (language, "name_1001", name, reader)


def test_every_name_of_the_example_can_be_read() -> None:
    chosen = site.load(SITE)
    made = names(operators.load(SITE, chosen.languages), chosen)
    assert len(made) >= 40
    assert [item for item in made if item.reader is None or item.unspeakable] == []


def test_only_an_operator_s_current_name_is_spoken() -> None:
    heard = Manifest({"fr": {"name_1001": Audio("hatif/fr/name_1001-0", "Zo\u00eb", "pico", 1.0)}})
    assert clip_of(operator("Zo\u00eb", "fr"), heard) == ("fr", "name_1001")
    assert clip_of(operator("Zoe\u0308", "fr", "ar"), heard) == ("fr", "name_1001")  # another Unicode spelling
    assert clip_of(operator("Rim", "fr"), heard) is None
    assert clip_of(operator("Zo\u00eb", "ar"), heard) is None
