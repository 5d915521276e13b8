"""Figures, dates, times and abbreviations in the words of a language, where espeak-ng would read them otherwise.

It reads whole numbers, decimals and percentages correctly in these languages, so those stay.
"""

from __future__ import annotations

import re
from functools import cache

_ABBREVIATIONS = {
    "de": """
        bzw.=beziehungsweise ca.=circa Dr.@=Doktor etc.=et~cetera Fr.@=Frau Hr.@=Herr inkl.=inklusive Nr.#=Nummer
        Str.=Straße Tel.=Telefon usw.=und~so~weiter z.B.=zum~Beispiel z.~B.=zum~Beispiel
    """,
    "en": """
        Dr.@=Doctor e.g.=for~example etc.=et~cetera i.e.=that~is Mr.=Mister Mrs.=Missis Ms.=Miz No.#=number
        tel.=telephone
    """,
    "es": """
        D.@=don Dr.@=doctor Dra.=doctora etc.=etcétera núm.#=número p.~ej.=por~ejemplo Sr.=señor Sra.=señora
        tel.=teléfono Ud.=usted Uds.=ustedes
    """,
    "fr": """
        Dr.@=docteur Dr@=docteur etc.=et~cetera M.@=monsieur Mlle=mademoiselle Mme=madame
        p.~ex.=par~exemple tél.=téléphone
    """,
    "it": """
        dott.=dottor dott.ssa=dottoressa ecc.=eccetera n.#=numero p.~es.=per~esempio Sig.=signor
        Sig.ra=signora tel.=telefono
    """,
    "nl": """
        bijv.=bijvoorbeeld bv.=bijvoorbeeld ca.=circa dhr.=de~heer dr.=dokter enz.=enzovoort etc.=et~cetera
        mevr.=mevrouw nr.=nummer t/m=tot~en~met tel.=telefoon
    """,
}
"""Abbreviations whose full stop would end a sentence, or which are spelled out otherwise.

`~` is a space; `#` means before figures only, `@` before a name only.
"""
_TIME = re.compile(r"(?<![\d:.,/-])([01]?\d|2[0-4])[:h]([0-5]\d)(?![\d:])(?: ?(?:uur|Uhr|h|heures?|horas)\b)?")
_CLOCK = {"de": ("{} Uhr", "{} Uhr {}"), "es": ("{}", "{} y {}"), "fr": ("{} heures", "{} heures {}"),
          "it": ("{}", "{} e {}"), "nl": ("{} uur", "{} uur {}")}  # fmt: skip
"""A full hour, and any other time."""
_DATE = re.compile(r"(?<![\d./-])(0?[1-9]|[12]\d|3[01])([./-])(0?[1-9]|1[0-2])\2((?:19|20)\d\d)(?!\d|[./-]\d)")
_SPANISH_DATE = "{} de {} de {}"
_GERMAN_DAYS = """
    ersten zweiten dritten vierten fünften sechsten siebten achten neunten zehnten elften zwölften dreizehnten
    vierzehnten fünfzehnten sechzehnten siebzehnten achtzehnten neunzehnten zwanzigsten einundzwanzigsten
    zweiundzwanzigsten dreiundzwanzigsten vierundzwanzigsten fünfundzwanzigsten sechsundzwanzigsten
    siebenundzwanzigsten achtundzwanzigsten neunundzwanzigsten dreißigsten einunddreißigsten
"""
_FIRST = {"fr": "1er", "it": "1º"}
"""How the first of a month is written."""
_RANGE = re.compile(r"(?<![\d.,:/-])([1-9]\d?) ?[-–] ?([1-9]\d?)(?![\d.,:/-]*\d)")
_TO = {"de": "bis", "en": "to", "es": "a", "fr": "à", "it": "a", "nl": "tot"}
_THOUSANDS = re.compile(r"(?<![\d.,])([1-9]\d{0,2})((?:[ \u00a0\u202f]\d{3})+)(?!\d)")
_INITIALS = re.compile(r"(?<![\w-])[A-Z]{2,3}(?![\w-])")
_WORDS = frozenset({"PIN"})
"""Words of two or three capitals that are read, not spelled."""
_LETTER_A = "Eh"
"""In English, a single A would be the article."""


def in_words(text: str, language: str) -> str:
    """Return the text with dates, times, ranges, abbreviations and initials as they are spoken."""
    text = _abbreviations(language).sub(lambda match: _full(language)[match[0].lower()], text)
    text = _DATE.sub(lambda match: _date(int(match[1]), int(match[3]), match[4], language), text)
    text = _TIME.sub(lambda match: _time(int(match[1]), int(match[2]), language), text)
    text = _THOUSANDS.sub(lambda match: match[1] + re.sub(r"\D", "", match[2]), text)
    text = _RANGE.sub(rf"\1 {_TO[language]} \2", text)
    return _INITIALS.sub(lambda match: _spelled(match[0], language), text)


@cache
def _full(language: str) -> dict[str, str]:
    entries = (entry.partition("=") for entry in _ABBREVIATIONS[language].split())
    return {short.rstrip("#@").replace("~", " ").lower(): full.replace("~", " ") for short, _, full in entries}


@cache
def _abbreviations(language: str) -> re.Pattern[str]:
    before = {"#": r"(?= ?\d)", "@": "(?= ?(?-i:[A-ZÀ-Þ]))"}
    shorts = (entry.partition("=")[0].replace("~", " ") for entry in _ABBREVIATIONS[language].split())
    longest_first = sorted(shorts, key=len, reverse=True)
    patterns = (re.escape(short.rstrip("#@")) + before.get(short[-1], "") for short in longest_first)
    return re.compile(rf"(?<![\w.])(?:{'|'.join(patterns)})(?!\w)", re.IGNORECASE)


def _date(day: int, month: int, year: str, language: str) -> str:
    from babel.dates import get_month_names  # slow to import, and few texts have dates in figures

    name = get_month_names("wide", locale=language)[month]
    if language == "de":
        return f"{_GERMAN_DAYS.split()[day - 1]} {name} {year}"
    spoken = _FIRST.get(language, "1") if day == 1 else str(day)
    return (_SPANISH_DATE if language == "es" else "{} {} {}").format(spoken, name, year)


def _time(hour: int, minute: int, language: str) -> str:
    if language == "en":
        minutes = f" {minute:02d}" if minute else ""
        return f"{(hour - 1) % 12 + 1}{minutes} {'am' if hour % 24 < 12 else 'pm'}"
    full, other = _CLOCK[language]
    return other.format(hour, minute) if minute else full.format(hour)


def _spelled(word: str, language: str) -> str:
    if word in _WORDS:
        return word
    return " ".join(_LETTER_A if letter == "A" and language == "en" else letter for letter in word)
