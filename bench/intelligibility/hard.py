"""Hard words: names, places, foreign words, figures, dates, times and abbreviations, a list for each language.

Nothing may be tuned on these sentences by a recogniser. Each is spoken as it is written; where it has figures or
abbreviations, the second text is what a listener should write down.
"""

Sentence = tuple[str, str]
"""The text, and its words."""


def _same(*texts: str) -> tuple[Sentence, ...]:
    return tuple((text, text) for text in texts)


SENTENCES: dict[str, tuple[Sentence, ...]] = {
    "ar": _same(
        "تَتَحَدَّثُونَ مَعَ وِدَادَ أَرْجَانَ، ثُمَّ مَعَ شَفِيقٍ.",
        "نَخْدِمُ أَيْضًا بَلْجِيكَا وَالنَّمْسَا وَسُوِيسْرَا.",
        "مَكَاتِبُ الرِّبَاطِ وَالدَّارِ الْبَيْضَاءِ وَمَرَّاكُشَ وَطَنْجَةَ مَفْتُوحَةٌ.",
        "تَدْخُلُونَ مَرَّةً وَاحِدَةً بِجَوَازِ الْمُرُورِ.",
        "عَقْدُ الْوِلَادَةِ وَعَقْدُ الْوَفَاةِ يَحْتَاجَانِ إِلَى أَبُوسْتِيلْ.",
        "جِنْسِيَّتُكُمْ مَكْتُوبَةٌ فِي الدَّفْتَرِ الْعَائِلِيِّ.",
        "الرُّسُومُ اثْنَانِ وَسَبْعُونَ دِرْهَمًا.",
        "نَتَحَدَّثُ الْعَرَبِيَّةَ وَالْأَمَازِيغِيَّةَ وَالْفَرَنْسِيَّةَ وَالْهُولَنْدِيَّةَ.",
        "رَقْمُ مِلَفِّكُمْ أَرْبَعُمِائَةٍ وَسَبْعَةَ عَشَرَ.",
        "نَعْمَلُ مِنَ الثَّامِنَةِ صَبَاحًا إِلَى الثَّامِنَةِ مَسَاءً.",
        "مَوْعِدُكُمْ فِي الْخَامِسِ وَالْعِشْرِينَ مِنْ نُونْبِرَ.",
        "يَسْتَغْرِقُ ذَلِكَ مِنْ عَشَرَةٍ إِلَى اثْنَيْ عَشَرَ يَوْمًا.",
    ),
    "de": (
        *_same(
            "Sie sprechen mit Widad Argan, danach mit Chafiq Tamarisk.",
            "Wir sind auch in Belgien, Österreich, Luxemburg und der Schweiz zuständig.",
            "Die Büros in Rabat, Casablanca, Marrakesch und Tanger sind geöffnet.",
            "Mit einem Laissez-passer dürfen Sie einmal einreisen.",
            "Die Geburtsurkunde und die Sterbeurkunde brauchen eine Apostille.",
            "Die Staatsangehörigkeit steht im Familienbuch.",
            "Die Gebühr beträgt zweiundsiebzig Dirham.",
            "Wir sprechen Arabisch, Tamazight, Französisch und Niederländisch.",
        ),
        ("Wir sind von 08:00 bis 20:00 Uhr erreichbar.", "Wir sind von acht Uhr bis zwanzig Uhr erreichbar."),
        (
            "Ihr Termin ist am 25.11.2026.",
            "Ihr Termin ist am fünfundzwanzigsten November zweitausendsechsundzwanzig.",
        ),
        ("Ihr Vorgang hat die Nr. 417.", "Ihr Vorgang hat die Nummer vierhundertsiebzehn."),
        ("Das dauert z. B. 10-12 Tage.", "Das dauert zum Beispiel zehn bis zwölf Tage."),
    ),
    "en": (
        *_same(
            "You are speaking with Widad Argan, then with Chafiq Tamarisk.",
            "We also serve Belgium, Austria, Luxembourg and Switzerland.",
            "The offices in Rabat, Casablanca, Marrakesh and Tangier are open.",
            "With a laissez-passer you may enter once.",
            "The birth certificate and the death certificate need an apostille.",
            "Your nationality is in the family booklet.",
            "The fee is seventy-two dirhams.",
            "We speak Arabic, Tamazight, French and Dutch.",
        ),
        ("You can reach us from 08:00 to 20:00.", "You can reach us from eight am to eight pm."),
        (
            "Your appointment is on 25/11/2026.",
            "Your visit is on twenty-five November two thousand and twenty-six.",
        ),
        ("Your file is No. 417.", "Your file is number four hundred and seventeen."),
        ("It takes 10-12 days, e.g. in summer.", "It takes ten to twelve days, for example in summer."),
    ),
    "es": (
        *_same(
            "Está hablando con Widad Argan, y después con Chafiq Tamarisk.",
            "También atendemos a Bélgica, Austria, Luxemburgo y Suiza.",
            "Las oficinas de Rabat, Casablanca, Marrakech y Tánger están abiertas.",
            "Con un laissez-passer puede entrar una vez.",
            "El certificado de nacimiento y el de defunción necesitan una apostilla.",
            "Su nacionalidad figura en el libro de familia.",
            "La tasa es de setenta y dos dirhams.",
            "Hablamos árabe, tamazight, francés y neerlandés.",
        ),
        ("Le atendemos de 08:30 a 20:15.", "Le atendemos de ocho y treinta a veinte y quince."),
        ("Su cita es el 25/11/2026.", "Su cita es el veinticinco de noviembre de dos mil veintiséis."),
        ("Su expediente lo lleva la Sra. Argan.", "Su expediente lo lleva la señora Argan."),
        ("Tarda de 10-12 días, p. ej. en verano.", "Tarda de diez a doce días, por ejemplo en verano."),
    ),
    "fr": (
        *_same(
            "Vous parlez avec Widad Argan, puis avec Chafiq Tamarisk.",
            "Nous servons aussi la Belgique, l'Autriche, le Luxembourg et la Suisse.",
            "Les bureaux de Rabat, Casablanca, Marrakech et Tanger sont ouverts.",
            "Avec un laissez-passer, vous pouvez entrer une fois.",
            "L'acte de naissance et l'acte de décès ont besoin d'une apostille.",
            "Votre nationalité figure dans le livret de famille.",
            "Les frais sont de soixante-douze dirhams.",
            "Nous parlons arabe, tamazight, français et néerlandais.",
        ),
        ("Vous pouvez nous joindre de 08:00 à 20:00.", "Vous pouvez nous joindre de huit heures à vingt heures."),
        ("Votre rendez-vous est le 25/11/2026.", "Votre rendez-vous est le vingt-cinq novembre deux mille vingt-six."),
        ("Votre dossier est suivi par Mme Argan.", "Votre dossier est suivi par madame Argan."),
        ("Cela prend 10-12 jours, p. ex. en été.", "Cela prend dix à douze jours, par exemple en été."),
    ),
    "it": (
        *_same(
            "Sta parlando con Widad Argan, poi con Chafiq Tamarisk.",
            "Serviamo anche il Belgio, l'Austria, il Lussemburgo e la Svizzera.",
            "Gli uffici di Rabat, Casablanca, Marrakech e Tangeri sono aperti.",
            "Con un laissez-passer può entrare una volta.",
            "L'atto di nascita e l'atto di morte hanno bisogno di un'apostille.",
            "La cittadinanza è nel libretto di famiglia.",
            "La tariffa è di settantadue dirham.",
            "Parliamo arabo, tamazight, francese e olandese.",
        ),
        (
            "Siamo raggiungibili dalle 08:30 alle 20:15.",
            "Siamo raggiungibili dalle otto e trenta alle venti e quindici.",
        ),
        ("Il Suo appuntamento è il 25/11/2026.", "Il Suo appuntamento è il venticinque novembre duemilaventisei."),
        ("La Sua pratica è la n. 417.", "La Sua pratica è la numero quattrocentodiciassette."),
        ("Ci vogliono 10-12 giorni, p. es. in estate.", "Ci vogliono dieci a dodici giorni, per esempio in estate."),
    ),
    "nl": (
        *_same(
            "U spreekt met Widad Argan, daarna met Chafiq Tamarisk.",
            "We zijn er ook voor België, Oostenrijk, Luxemburg en Zwitserland.",
            "De kantoren in Rabat, Casablanca, Marrakesh en Tanger zijn open.",
            "Met een laissez-passer mag u één keer naar binnen.",
            "De geboorteakte en de overlijdensakte hebben een apostille nodig.",
            "Uw nationaliteit staat in het familieboekje.",
            "De kosten zijn tweeënzeventig dirham.",
            "We spreken Arabisch, Tamazight, Frans en Duits.",
        ),
        ("U kunt ons bereiken van 08:00 tot 20:00 uur.", "U kunt ons bereiken van acht uur tot twintig uur."),
        ("Uw afspraak is op 25-11-2026.", "Uw afspraak is op vijfentwintig november tweeduizendzesentwintig."),
        ("Uw dossier heeft nr. 417.", "Uw dossier heeft nummer vierhonderdzeventien."),
        ("Het duurt bijv. 10-12 dagen.", "Het duurt bijvoorbeeld tien tot twaalf dagen."),
    ),
}
