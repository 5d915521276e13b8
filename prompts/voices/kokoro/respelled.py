"""Words that espeak-ng mispronounces, with a spelling that it pronounces correctly, or their sounds between slashes.

Most are compounds, which its rules divide in the wrong place, foreign words, and names. A reading replaces whole words,
in any case; its sounds are those of `espeak_sounds.ipa`, stress before the vowel.
"""

from __future__ import annotations

import re
from functools import cache

_NAMES = """
    adoul=/adˈul/ adouls=/adˈul/ Agadir=/aɡadˈir/ Benjelloun=/bɛnʒɛlˈun/ Bouazza=/buˈaza/ Casablanca=/kazablˈanka/
    Chafiq=/ʃafˈik/ Chraïbi=/ʃraˈibi/ Fès=/fˈɛs/ Hicham=/hiʃˈam/ Khadija=/xadˈiʒa/ laissez-passer=/lɛsepasˈe/
    Larbi=/lˈarbi/ Laâyoune=/laajˈun/ Marrakech=/marakˈɛʃ/ Marrakesch=/marakˈɛʃ/ Marrakesh=/marakˈɛʃ/ Meknès=/mɛknˈɛs/
    Mohammed=/moxˈamɛd/ Nador=/nadˈɔr/ Naïma=/naˈima/ Ouarzazate=/warzazˈat/ Oujda=/uʒdˈa/ Rabat=/rabˈat/
    Rachid=/raʃˈid/ Safae=/safˈaː/ Tamazight=/tamazˈiɣt/ Tétouan=/tetwˈan/ Widad=/widˈad/ Youssef=/jˈusɛf/
"""
"""Moroccan names as all languages know them; espeak-ng reads their French spelling by its own rules."""

_DUTCH = """
    apostille=/ɑpɔstˈijə/ apostilleverdrag=/ɑpɔstˈijəvərdrˌɑx/ België=/bˈɛlɣiə/ bewijs=/bəʋˈɛɪs/
    circulaires=/sɪrkylˈɛːrəs/ coroner=/kˈɔrɔnər/ Directoraat-generaal=directoraat~generaal dossier=/dɔʃˈeː/
    dossiernummer=/dɔʃˈeːnˌɵmər/ Douane=/duˈaːnə/ Douanewetboek=/duˈaːnəʋˌɛtbuk/ duplicaat=/dyplikˈaːt/
    eigendomstitel=eigendoms-titel familie=/faːmˈili/ France=/frɑ̃s/ geboorteplaats=geboorte-plaats
    gezinssamenstelling=gezins-samenstelling Handelswaar=handels-waar Justitie=/jɵstˈitsi/
    kentekenbewijs=/kˈɛnteːkənbəʋˌɛɪs/ Latijnse=/laːtˈɛɪnsə/ leaseauto=/lˈisʌʊtoː/ Lunchpauze=/lˈɵnʃpˌʌʊzə/
    Marokkaans=/maːrɔkˈaːns/ Marokkaanse=/maːrɔkˈaːnsə/ minuten=/minˈytən/
    negentienhonderdachtenvijftig=negentien~honderd~achtenvijftig
    negentienhonderdtweeënzeventig=negentien~honderd~tweeënzeventig
    negentienhonderdzevenenzeventig=negentien~honderd~zevenenzeventig onlineaanvraag=/ˈɔnlɑjnˌaːnvraːx/ onze=/ˈɔnzə/
    Oostenrijk=/ˈoːstənrˌɛɪk/ opnemen=/ˈɔpneːmən/ oproep=/ˈɔprup/ overledene=/oːvərlˈeːdənə/
    overledenen=/oːvərlˈeːdənən/ paspoortwebsite=/pˈɑspɔːrtʋˌɛpsɑjt/ pensioenen=/pɛnʃˈunən/ personen=persoonen
    rijbewijs=/rˈɛɪbəʋˌɛɪs/ socialezekerheidswet=sociale-zekerheids-wet Tanger=/tɑnʒˈeːr/
    tweeduizendvierentwintig=tweeduizend~vierentwintig tweeduizendzestien=tweeduizend~zestien
    uitvaartondernemer=uitvaart-ondernemer veerboot=/vˈɪːrboːt/ verzekeringsbank=verzekerings-bank
    verzekeringskaart=verzekerings-kaart verzekeringsnummers=verzekerings-nummers vingerafdrukken=vinger-afdrukken
    wachtrij=/ʋˈɑxtrɛɪ/ Wales=/ʋˈeːls/ website=/ʋˈɛpsɑjt/ wonen=woonen
"""
_GERMAN = """
    Abmeldebescheinigung=Abmelde-bescheinigung Anzeigebestätigung=Anzeige-bestätigung Apostille=/apɔstˈɪlə/
    Attest=/atˈɛst/ Atteste=/atˈɛstə/ Ausländeramt=Ausländer-amt Behörde=/bəhˈøːɾdə/ Behörden=/bəhˈøːɾdən/
    Belgien=/bˈɛlɡiən/ Code=/kˈoːt/ Dekret=/deːkrˈeːt/ Ehemannes=Ehe-mannes Eheschließung=Ehe-schließung
    Einreisestempel=Einreise-stempel elektronische=/eːlɛktrˈoːnɪʃə/ Erwachsene=/ɛɾvˈaksənə/
    Familienangehörige=Familien-angehörige Familienbuch=Familien-buch Familiengesetzbuch=Familien-gesetz-buch
    Fingerabdrücke=Finger-abdrücke Geburtsurkunde=Geburts-urkunde Geburtsurkunden=Geburts-urkunden
    geheiratet=/ɡəhˈaɪraːtət/ Gesetzbuch=Gesetz-buch heiraten=/hˈaɪraːtən/ Heiratsurkunde=/hˈaɪraːtsˌuːɾkʊndə/
    höchstens=/hˈøːçstəns/ Italienisch=/iːtaljˈeːnɪʃ/ Kalenderjahr=Kalender-jahr Leasing=/lˈiːzɪŋ/
    Ledigkeitsbescheinigungen=Ledigkeits-bescheinigungen Meldebescheinigung=Melde-bescheinigung
    möglicherweise=/mˈøːklɪçɜvˌaɪzə/ Nachbearbeitung=/nˈɑːxbəˌaɾbaɪtʊŋ/ nachgeforscht=/nˈɑːxɡəfˌɔɾʃt/
    Nachricht=/nˈɑːxrɪçt/ Nachteil=/nˈɑːxtaɪl/ Nachweis=/nˈɑːxvaɪs/ Nachweise=/nˈɑːxvaɪzə/
    nachzubearbeiten=/nˈɑːxtsuːbəˌaɾbaɪtən/ Notfall=/nˈoːtfal/ nächste=/nˈɛːçstə/ nächsten=/nˈɛːçstən/
    nächstes=/nˈɛːçstəs/ Rathaus=Rat-haus Rautetaste=Raute-taste Reisebuchung=Reise-buchung Reisepass=Reise-pass
    Reisepasses=Reise-passes Rentenkasse=Renten-kasse sechsten=/zˈɛkstən/ sechster=/zˈɛkstɜ/
    Sozialversicherungsbank=Sozial-versicherungs-bank Staatsangehörige=Staats-angehörige
    Staatsangehörigkeit=Staats-angehörigkeit Staatsangehörigkeiten=Staats-angehörigkeiten
    Staatsangehörigkeitsgesetz=Staats-angehörigkeits-gesetz Staatsanwalt=Staats-anwalt Standesamt=Standes-amt
    Sterbeort=Sterbe-ort Sterbeurkunde=Sterbe-urkunde Straßenverkehrsgesetz=Straßen-verkehrs-gesetz
    Straßenverkehrssicherheit=Straßen-verkehrs-sicherheit Versicherungskarte=Versicherungs-karte
    Versicherungsnummern=Versicherungs-nummern Versicherungszeiten=Versicherungs-zeiten vor=/foːɾ/
    Vornamen=/fˈoːɾnɑːmən/ Wales=/vˈeːls/ Warteschlange=Warte-schlange Wartezeit=Warte-zeit Website=/vˈɛpzaɪt/
    Zollgesetzbuch=Zoll-gesetz-buch zweitausendsechzehn=zweitausend~sechzehn
    zweitausendvierundzwanzig=zweitausend~vierundzwanzig
"""
_FRENCH = """
    authenticité=/otɑ̃tisitˈe/ coroner=/kɔʁɔnˈɛʁ/ d'authenticité=/dotɑ̃tisitˈe/ leasing=/liziŋ/ Wales=/wɛls/
"""
_ITALIAN = """
    coroner=/kˈɔroner/ online=/onlˈaɪn/
"""
_SPANISH = """
    coroner=/kˈoɾoneɾ/ leasing=/lˈisin/ online=/onlˈaɪn/
"""
_ENGLISH = """
    adoul=/ɐdˈuːl/ adouls=/ɐdˈuːlz/ Casablanca=/kˌasəblˈaŋkə/ laissez-passer=/lˌɛseɪpˈaseɪ/ Marrakech=/mˌaɹəkˈɛʃ/
    Marrakesh=/mˌarəkˈɛʃ/ Mohammed=/məʊhˈamɪd/ Rabat=/ɹəbˈɑːt/ Tamazight=/tˌamazˈiːt/ Tangier=/tandʒˈiə/
"""
_READINGS = {"de": _GERMAN, "en": _ENGLISH, "es": _SPANISH, "fr": _FRENCH, "it": _ITALIAN, "nl": _DUTCH}


@cache
def readings(language: str) -> dict[str, str]:
    """Return the reading of each word, which is in lower case; `/` before and after sounds."""
    entries = (entry.partition("=") for entry in (_NAMES + _READINGS[language]).split())
    return {word.lower(): reading.replace("~", " ") for word, _, reading in entries}


@cache
def _words(language: str) -> re.Pattern[str]:
    longest_first = sorted(readings(language), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)


def parts(text: str, language: str) -> list[str]:
    """Split a text into parts, each in a spelling that espeak-ng reads correctly, or `/sounds/`."""
    found, rest = [], ""
    for place, part in enumerate(_words(language).split(text)):
        reading = readings(language)[part.lower()] if place % 2 else part
        if reading.startswith("/"):
            found += [rest, reading]
            rest = ""
        else:
            rest += reading
    return [part for part in (*found, rest) if part.strip()]
