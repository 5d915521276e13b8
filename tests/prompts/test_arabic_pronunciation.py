"""Each rule of the Arabic pronunciation, on words with an undisputed pronunciation."""

from pathlib import Path

import pytest
from arabic_sounds import sounds
from every import every
from hypothesis import given
from hypothesis import strategies as st

from prompts import catalogue
from prompts.voices.arabic import letters
from prompts.voices.arabic.text import phrases

CONSULATE = Path(__file__).parents[2] / "sites" / "consulate"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("الشَّمْسُ", "?aS:ams"),
        ("السَّلَامُ", "?as:ala:m"),
        ("النُّورُ", "?an:u:r"),
        ("الرَّجُلُ", "?ar:aZul"),
        ("الطَّالِبُ", "?at.:a:lib"),
        ("اللُّغَةُ", "?al:uGa"),
        ("وَالنَّاسُ", "wan:a:s"),
        ("بِالسَّيَّارَةِ", "bis:aj:a:ra"),
        ("لِلسَّفَرِ", "lis:afar"),
        ("وَلِلنَّاسِ", "walin:a:s"),
    ],
)
def test_the_l_of_the_article_becomes_the_sun_letter_that_follows(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("الْقَمَرُ", "?alqamar"),
        ("الْبَيْتُ", "?albajt"),
        ("الْيَوْمَ", "?aljawm"),
        ("وَالْبَيْتُ", "walbajt"),
        ("بِالْبَيْتِ", "bilbajt"),
        ("كَالْقَمَرِ", "kalqamar"),
        ("فَالْمَرْجُوُّ", "falmarZuw:"),
        ("لِلْبَيْتِ", "lilbajt"),
        ("لِلُّغَةِ", "lil:uGa"),
        ("وَبِالْبَيْتِ", "wabilbajt"),
    ],
)
def test_the_article_is_spoken_before_other_letters_and_after_prefixes(written: str, expected: str) -> None:
    assert sounds(written) == expected


@every(
    ("written", "expected"),
    [
        ("فِي الْبَيْتِ", "fi lbajt"),
        ("إِلَى الْمَغْرِبِ", "?ila lmaGrib"),
        ("هٰذَا الْيَوْمَ", "ha:Da ljawm"),
        ("اِضْغَطُوا الزِّرَّ", "?id.Gat.u z:ir:"),
        ("أَوِ اقْتِرَاحٍ", "?awi qtira:X"),
        ("هُوَ ابْنٌ", "huwa bn"),
        ("فِي الِاجْتِمَاعِ", "fi liZtima:H"),
        ("الِاسْمُ", "?alism"),
        ("بِاسْمِ", "bism"),
        ("وَاكْتُبُوا", "waktubu:"),
        ("وَاتِّصَالُكُمْ", "wat:is.a:lukum"),
        ("وَالِاخْتِيَارُ", "walixtija:r"),
        ("وَالَّذِي", "wal:aDi:"),
    ],
)
def test_an_initial_alef_is_silent_inside_a_phrase_and_shortens_the_vowel_before_it(
    written: str, expected: str
) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("اسْمٌ", "?ism"),
        ("اِبْنٌ", "?ibn"),
        ("اكْتُبُوا", "?uktubu:"),
        ("اجْلِسُوا", "?iZlisu:"),
        ("اسْتِقْبَالٌ", "?istiqba:l"),
        ("الَّذِي", "?al:aDi:"),
        ("أَهْلًا، الْبَيْتُ", "?ahlan, ?albajt"),
        ("الرَّقْمِ اِثْنَيْنِ", "?ar:aqmi ?iTnajn"),  # a vowel that is written inside a phrase is spoken
    ],
)
def test_an_initial_alef_has_a_vowel_after_a_pause(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("مِنْ الْمَغْرِبِ", "mina lmaGrib"),
        ("مِنَ الْمَغْرِبِ", "mina lmaGrib"),
        ("عَنْ الْبَيْتِ", "Hani lbajt"),
        ("عَلَيْكُمْ السَّلَامُ", "Halajkumu s:ala:m"),
        ("رَجُلٌ اسْمُهُ", "raZuluni smuh"),
    ],
)
def test_a_helping_vowel_keeps_three_consonants_apart(written: str, expected: str) -> None:
    assert sounds(written) == expected


@every(
    ("written", "expected"),
    [
        ("الْكِتَابُ", "?alkita:b"),
        ("كِتَابٌ", "kita:b"),
        ("فِي كِتَابٍ", "fi: kita:b"),
        ("شُكْرًا", "Sukran"),
        ("مَسَاءً", "masa:?an"),
        ("مَدْرَسَةٌ", "madrasa"),
        ("الْمَدْرَسَةِ", "?almadrasa"),
        ("سَاعَةً", "sa:Ha"),
        ("حَيَاةٌ", "Xaja:h"),
        ("خَاصٍّ", "xa:s.:"),
        ("هُوَ", "huwa"),
        ("هِيَ", "hija"),
        ("لَا، نَعَمْ", "la:, naHam"),
        ("بَيْتٌ، بَيْتٌ. بَيْتٌ؟ بَيْتٌ", "bajt, bajt. bajt? bajt"),
    ],
)
def test_short_endings_are_dropped_before_a_pause(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("كِتَابٌ جَدِيدٌ", "kita:bun Zadi:d"),
        ("مَدْرَسَةٍ كَبِيرَةٍ", "madrasatin kabi:ra"),
        ("الْمَدْرَسَةُ هُنَا", "?almadrasatu huna:"),
        ("سَاعَةً هُنَا", "sa:Hatan huna:"),
    ],
)
def test_endings_stay_inside_a_phrase(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("كَتَبُوا هُنَا", "katabu: huna:"),
        ("مَشَوْا هُنَا", "maSaw huna:"),
        ("مِائَةٌ", "mi?a"),
        ("شُكْرًا لَكُمْ", "Sukran lakum"),
        ("هُدًى", "hudan"),
        ("أُولَئِكَ هُنَا", "?ula:?ika huna:"),
        ("عَمْرٌو هُنَا", "Hamrun huna:"),
    ],
)
def test_some_written_letters_are_silent(written: str, expected: str) -> None:
    assert sounds(written) == expected


@every(
    ("written", "expected"),
    [
        ("بَابٌ", "ba:b"),
        ("نُورٌ", "nu:r"),
        ("كَبِيرٌ", "kabi:r"),
        ("عَلَى", "Hala:"),
        ("عَلَىٰ", "Hala:"),
        ("آخِرُ", "?a:xir"),
        ("هٰذِهِ هُنَا", "ha:Dihi huna:"),
        ("هَذِهِ هُنَا", "ha:Dihi huna:"),
        ("هَٰذِهِ هُنَا", "ha:Dihi huna:"),
        ("ذَلِكَ هُنَا", "Da:lika huna:"),
        ("لَكِنْ", "la:kin"),
        ("اللَّهِ", "?al:a:h"),
        ("بِاللَّهِ", "bil:a:h"),
        ("وَاحِدٌ", "wa:Xid"),
        ("كَافَّةً", "ka:f:a"),
        ("وَالِدٌ", "wa:lid"),
        ("الْأُولَى", "?al?u:la:"),
        ("بَيْتٌ", "bajt"),
        ("يَوْمٌ", "jawm"),
        ("مُوَظَّفٌ", "muwaz.:af"),
        ("سَيَّارَةٌ", "saj:a:ra"),
    ],
)
def test_long_vowels_and_glides_are_distinguished(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("سُؤَالٌ", "su?a:l"),
        ("مَسْؤُولٌ", "mas?u:l"),
        ("شَيْءٌ", "Saj?"),
        ("سَمَاءٌ", "sama:?"),
        ("إِلَى", "?ila:"),
        ("رَئِيسٌ", "ra?i:s"),
    ],
)
def test_the_glottal_stop_is_spoken_on_any_carrier_letter(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("كِتَابٌ", "kit'a:b"),
        ("مُدَرِّسٌ", "mud'ar:is"),
        ("مَدْرَسَةٌ", "m'adrasa"),
        ("مَكْتَبٌ", "m'aktab"),
        ("مَدِينَةٌ", "mad'i:na"),
        ("مُسْتَشْفَى", "must'aSfa:"),
        ("كَتَبَ هُنَا", "k'ataba h'una:"),
        ("الْيَدُ", "?alj'ad"),  # never on the article
        ("لِلُّغَةِ", "lil:'uGa"),
        ("فِي", "f'i:"),
    ],
)
def test_stress_is_on_the_last_heavy_syllable_but_not_on_the_article(written: str, expected: str) -> None:
    assert sounds(written, stress=True) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("صَبَاحٌ", "s.a°ba:X"),
        ("سَبَبٌ", "sabab"),
        ("طُلَّابٌ", "t.u°l:a:b"),
        ("مَطَرٌ", "ma°t.a°r"),
        ("رَقْمٌ", "ra°qm"),
        ("رِسَالَةٌ", "risa:la"),
        ("مَغْرِبٌ", "maGrib"),
    ],
)
def test_emphatics_and_a_dark_r_colour_the_vowels_beside_them(written: str, expected: str) -> None:
    assert sounds(written, colour=True) == expected


def test_marks_may_be_typed_in_any_order_and_letters_in_any_encoding() -> None:
    wanted = sounds("مُوَظَّفٌ")
    assert sounds("مُوَظ\u0651\u064eفٌ") == sounds("مُوَظ\u064e\u0651فٌ") == sounds("مُوَظَّـــفٌ") == wanted
    assert sounds("ﻻ") == sounds("لا") == "la:"
    assert sounds("ٱلْبَيْتُ") == sounds("الْبَيْتُ")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("مكتب", "makatab"),
        ("باب", "ba:b"),
        ("كبير", "kabi:r"),
        ("نور", "nu:r"),
        ("قنصلية", "qanas.alij:a"),
        ("السفر", "?as:afar"),
        ("Madrid", "ma:dari:d"),
        ("مُحَمَّد Rabat", "muXam:ad ra:ba:t"),
    ],
)
def test_a_word_without_vowels_or_in_another_script_is_guessed(written: str, expected: str) -> None:
    assert sounds(written) == expected


@pytest.mark.parametrize("text", ["", " ", "،.", "😀", "\u064e\u0651", "漢字"])
def test_a_text_without_sounds_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="nothing to speak in this text; write it"):
        phrases(text)


WRITTEN = st.text(
    st.sampled_from(sorted({*letters.CONSONANTS, *letters.MARKS, *"اىٱآـ،.؟:؛ 09٣٫/:-%aZé漢\u200f"})), max_size=40
)


@given(WRITTEN)
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    try:
        found = phrases(text)
    except ValueError as error:
        assert "nothing to speak" in str(error)
    else:
        assert all(phrase.words and all(phrase.words) for phrase in found)
        assert all(sum(phone.stressed for phone in word) <= 1 for phrase in found for word in phrase.words)


def test_every_text_of_the_site_has_sounds() -> None:
    texts = catalogue.load(CONSULATE)
    clusters = []
    for prompt in texts.ids:
        for phrase in phrases(texts.text("ar", prompt) or ""):
            for word in phrase.words:
                plain = "".join("V" if phone.is_vowel else "C" for phone in word)
                # Arabic knows neither two vowels in a row nor three consonants.
                if "VV" in plain or "CCC" in plain:
                    clusters.append((prompt, "".join(phone.symbol for phone in word)))
    assert clusters == []
