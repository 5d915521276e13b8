"""The picture's own words in the languages of the desk's pages; in all others of a line they are English."""

from collections.abc import Mapping

_WORDS: Mapping[str, tuple[str, str]] = {
    "start": ("début", "البداية"),
    "then": ("ensuite", "ثم"),
    "reads the procedure that is meant": ("lit la démarche demandée", "يقرأ الإجراء المطلوب"),
    "else, or a key": ("sinon, ou une touche", "غير ذلك، أو أي مفتاح"),
    "no key": ("aucune touche", "دون أي مفتاح"),
    "then no key": ("puis aucune touche", "ثم دون أي مفتاح"),
    "{least} to {most} digits: {name}": ("{least} à {most} chiffres : {name}", "من {least} إلى {most} أرقام: {name}"),
    "open": ("ouvert", "مفتوح"),
    "closed": ("fermé", "مغلق"),
    "says:": ("dit :", "يقول:"),
    "holiday:": ("jour férié :", "عطلة:"),
    "forced:": ("fermeture imposée :", "إغلاق مفروض:"),
    "reference, {digits} digits": ("référence, {digits} chiffres", "المرجع، {digits} أرقام"),
    "PIN, {digits} digits": ("code secret, {digits} chiffres", "الرمز السري، {digits} أرقام"),
    "several in the caller's country: by city, with a key": (
        "plusieurs dans le pays de l’appelant : par ville, avec une touche",
        "إذا تعددت في بلد المتصل: حسب المدينة، بمفتاح",
    ),
    "no consulate in the caller's country:": (
        "aucun consulat dans le pays de l’appelant :",
        "لا قنصلية في بلد المتصل:",
    ),
    "tells the state of the case": ("dit l’état du dossier", "يخبر بحالة الملف"),
    "at most {seconds} s, hear, again, send": (
        "{seconds} s au plus, écouter, refaire, envoyer",
        "{seconds} ثانية على الأكثر، استماع، إعادة، إرسال",
    ),
    "becomes a case: {kind}, due in {hours} h": (
        "devient un dossier : {kind}, à traiter en {hours} h",
        "يصبح ملفًا: {kind}، في أجل {hours} ساعة",
    ),
    "sent": ("envoyé", "أُرسل"),
    "stored": ("enregistré", "سُجّل"),
    "waits for an operator in their language": ("attend un opérateur dans sa langue", "ينتظر موظفًا يتكلم لغته"),
    "priority {priority:+}": ("priorité {priority:+}", "الأولوية {priority:+}"),
    "where conversations are recorded:": ("si les conversations sont enregistrées :", "إذا كانت المحادثات تُسجَّل:"),
    "after the conversation": ("après la conversation", "بعد المحادثة"),
    "returning callers, in their last language:": (
        "appelants connus, dans leur dernière langue :",
        "متصلون سابقون، بلغتهم الأخيرة:",
    ),
    "other callers:": ("autres appelants :", "متصلون آخرون:"),
    "in that language": ("dans cette langue", "بتلك اللغة"),
    "topic: {topic}": ("sujet : {topic}", "الموضوع: {topic}"),
    "back": ("retour", "رجوع"),
    "no node {name}": ("pas d’étape {name}", "لا توجد مرحلة {name}"),
    "In every menu: 0 asks for an operator ({operator}), 9 changes the language ({language}), # repeats, * goes back. "
    "No lines are drawn for these.": (
        "Dans chaque menu : 0 demande un opérateur ({operator}), 9 change de langue ({language}), # répète, * revient. "
        "Aucun trait n’est dessiné pour ces touches.",
        "في كل قائمة: 0 لطلب موظف ({operator})، 9 لتغيير اللغة ({language})، # للإعادة، * للرجوع. "
        "لا تُرسم خطوط لهذه المفاتيح.",
    ),
    "After silence or wrong keys callers hear help once, then get an operator ({operator}), or follow the "
    "row “no key”.": (
        "Après un silence ou de mauvaises touches, l’appelant entend l’aide une fois, puis obtient un opérateur "
        "({operator}), ou suit la ligne « aucune touche ».",
        "بعد الصمت أو مفاتيح خاطئة يسمع المتصل المساعدة مرة واحدة، ثم يُحوَّل إلى موظف ({operator})، "
        "أو يتبع السطر «دون أي مفتاح».",
    ),
    "In record, callback and survey both continue to the next node instead; in language, silence does.": (
        "Dans record, callback et survey, les deux mènent à l’étape suivante ; dans language, le silence.",
        "في record وcallback وsurvey يقود الأمران إلى المرحلة التالية؛ وفي language يقود إليها الصمت.",
    ),
    "↩ and a name: the row leads back to that node, further left. Spoken words may be shortened.": (
        "↩ et un nom : la ligne ramène à cette étape, plus à gauche. Les paroles peuvent être abrégées.",
        "↩ مع اسم: يعود السطر إلى تلك المرحلة، إلى اليسار. وقد تُختصر الكلمات المنطوقة.",
    ),
}
"""English to French and Arabic. Names of nodes and their kinds are those of `flow.yaml` everywhere."""

LEGEND = tuple(_WORDS)[-4:]
"""The sentences below the picture."""


def own_language(language: str) -> str:
    """Return the language of the picture's own words for a language of the line."""
    return language if language in ("fr", "ar") else "en"


def say(language: str, text: str, /, **values: object) -> str:
    """Return the picture's own words in the language of `own_language`. `text`: English, as in the table."""
    french, arabic = _WORDS[text]
    return {"fr": french, "ar": arabic}.get(language, text).format(**values)
