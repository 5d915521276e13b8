"""Edits of the small site, each with the one code that it gets: see `test_check`."""

AR, EN = "locale/ar/LC_MESSAGES/hatif.po", "locale/en/LC_MESSAGES/hatif.po"
GOODBYE_EN = 'msgid "Goodbye."\nmsgstr ""'
GOODBYE_AR = 'msgid "Goodbye."\nmsgstr "نَصٌّ."'
GOODBYE = 'msgid "Goodbye."'

# An edit of one file: the file, what stands there, what somebody writes instead. Then the line, as what stands in it
# (of the file as it is then), and what is said.
EDITS: dict[str, tuple[str, str, str, str | None, str]] = {
    "E_SITE_FILE": ("site.toml", "[hours]", "[hours", "[hours\n", "Expected.*; write it as TOML"),
    "E_SITE_VALUE": (
        "site.toml",
        '"small"',
        '"Small Site"',
        "name",
        "name: String should match.*, found 'Small Site'; ",
    ),
    "E_SITE_TWICE": (
        "site.toml",
        'languages = ["ar", "en"]',
        'languages = ["ar", "en", "ar"]',
        "languages",
        "languages: the language 'ar' stands twice; write it once",
    ),
    "E_SITE_LANGUAGE": (
        "site.toml",
        'languages = ["en", "ar"]',
        'languages = ["en", "xx"]',
        '["en", "xx"]',
        "countries.GB.languages: the language 'xx' is none of this site; it has ar, en",
    ),
    "E_SITE_VOICE": (
        "site.toml",
        "[fallback]",
        '[voices]\nar = "mbrola-nl2"\n\n[fallback]',
        "mbrola-nl2",
        "voices.ar: 'mbrola-nl2' speaks nl; write a voice that speaks ar, or delete the line",
    ),
    "W_VOICE_MISSING": (
        "site.toml",
        "[fallback]",
        '[voices]\nar = "mbrola-ar2"\n\n[fallback]',
        "mbrola-ar2",
        "voices.ar: mbrola-ar2: it is not installed; run `hatif prompts voices install mbrola`",
    ),
    "E_NUMBER_UNKNOWN": (
        "site.toml",
        "[[carrier]]",
        '[hours.line."+491"]\nmonday = ["09:00-12:00"]\n\n[[carrier]]',
        "[hours.line.",
        r"the number '\+491' is none of this site; write one with its \+",
    ),
    "E_NUMBER_LANGUAGES": (
        "site.toml",
        'country = "GB"',
        'country = "SE"',
        "country",
        r"number.0.country: SE has no languages; write \[countries.SE\] with languages = \[.ar.\]",
    ),
    "E_HOURS_NEVER": (
        "site.toml",
        'monday = ["08:00-20:00"]',
        "monday = []",
        "[hours.week]",
        "hours.week: it has no hours at all; write some",
    ),
    "W_HOURS_WORDS": (
        "site.toml",
        "08:00-20:00",
        "08:10-20:00",
        "monday",
        "no text says 08:10.*; open at a full or half hour",
    ),
    "E_FALLBACK_LANGUAGE": (
        "site.toml",
        'ar = ["en"]',
        'ar = ["ar"]',
        "ar =",
        "fallback.ar: 'ar' cannot replace itself; name other languages",
    ),
    "E_FALLBACK_MISSING": (
        "site.toml",
        'ar = ["en"]\n',
        "",
        "[fallback]",
        r"no language replaces audio of 'ar' that is missing or broken; write some, best first, such as ar = \[.en.\]",
    ),
    "E_OPERATOR_FILE": (
        "operators.csv",
        "id,name",
        "id;name",
        "id;",
        "other columns are named; the first line must be id,name,languages,topics,supervisor",
    ),
    "E_OPERATOR_ROW": (
        "operators.csv",
        "en:5,,no",
        "en:9,,no",
        "1002",
        "the language 'en:9' is not right; write code:level",
    ),
    "W_LANGUAGE_SUPERVISOR": (
        "operators.csv",
        "ar:5 en:4,,yes",
        "ar:5,,yes",
        "id,",
        "no supervisor speaks en; make one of those who do a supervisor, such as 1001",
    ),
    "W_LANGUAGE_MENU": (
        "flow.yaml",
        "{2: ar, 3: en}",
        "{3: en}",
        None,
        "no menu of languages in .*flow.yaml offers 'ar'; give it a key there, or take it out of languages",
    ),
    "E_GUIDE_FILE": (
        "guide/visa.yaml",
        "fee: It",
        "fee: No: it",
        "fee",
        "mapping values are not allowed.*; write it as YAML",
    ),
    "E_GUIDE_FIELD": ("guide/visa.yaml", "status: sample", "status: old", "status", "status is old; write sample or"),
    "W_GUIDE_UNUSED": (
        "flow.yaml",
        "kind: guide\n    procedures: [visa]\n    back: main",
        "kind: say\n    text: goodbye\n    next: main",
        None,
        "no node offers the procedure 'visa'; add it to a guide node of .*flow.yaml, or delete it",
    ),
    "E_FLOW_FILE": ("flow.yaml", "nodes:", "nodes: [", "kind: language", "write it as YAML"),
    "E_FLOW_VALUE": ("flow.yaml", "topic: travel", "topic: 7", "topic", "nodes.queue.queue.topic: .*found 7; mend it"),
    "E_FLOW_PROCEDURE": (
        "flow.yaml",
        "[visa]",
        "[visa, pass]",
        "procedures",
        r"papers: the guide has no procedure 'pass'; write guide/pass.yaml, or name one that is there \(visa\)",
    ),
    "E_FLOW_TEXT": (
        "flow.yaml",
        "text: main_travel",
        "text: main_trip",
        "main_trip",
        "main says 'main_trip', which no catalogue has; write that text",
    ),
    "W_TEXT_UNUSED": (
        "flow.yaml",
        "announcements: [alarm]\n",
        "",
        "  alarm",
        "nothing says the text 'alarm'; delete it, or name it in announcements",
    ),
    "E_TEXT_FILE": (AR, GOODBYE_AR, GOODBYE_AR[:-1], 'msgstr "نَصٌّ.\n', "is not a line of a catalogue; a line is a"),
    "E_TEXT_SOURCE": (
        "flow.yaml",
        "goodbye: Goodbye.",
        "goodbye: Until soon.",
        "goodbye: Until",
        "goodbye: the English catalogue has: Goodbye.; run `pybabel",
    ),
    "E_TEXT_MISSING": (
        AR,
        GOODBYE_AR,
        'msgid "Goodbye."\nmsgstr ""',
        GOODBYE,
        "goodbye: its msgstr is empty; translate: Goodbye.",
    ),
    "E_TEXT_UNTRANSLATED": (
        "locale/ar/LC_MESSAGES/hatif.po",
        GOODBYE_AR,
        'msgid "Goodbye."\nmsgstr "Goodbye."',
        GOODBYE,
        "goodbye: it is the same as its English source; translate it",
    ),
    "E_TEXT_FUZZY": (
        AR,
        'msgctxt "goodbye"',
        '#, fuzzy\nmsgctxt "goodbye"',
        GOODBYE,
        "goodbye: it is marked fuzzy; have a",
    ),
    "E_TEXT_LONG": (
        EN,
        GOODBYE_EN,
        f'{GOODBYE_EN[:-1]}{"Good. " * 200}Bye."',
        GOODBYE,
        "goodbye: 1204 characters; split it",
    ),
    "E_TEXT_CONTROL": (
        EN,
        GOODBYE_EN,
        f'{GOODBYE_EN[:-1]}Good\u200bbye."',
        GOODBYE,
        r"an invisible .*\(U\+200B\); take it",
    ),
    "E_TEXT_SYMBOL": (EN, GOODBYE_EN, f'{GOODBYE_EN[:-1]}Good ☎."', GOODBYE, "☎, which no voice can say; use words"),
    "E_TEXT_MARKUP": (
        EN,
        GOODBYE_EN,
        f'{GOODBYE_EN[:-1]}Good <b>."',
        GOODBYE,
        "markup or a sign .*; write it out in words",
    ),
    "E_TEXT_SCRIPT": (
        EN,
        GOODBYE_EN,
        f'{GOODBYE_EN[:-1]}Пока."',
        GOODBYE,
        "letters of another script .*; write it in the Latin",
    ),
    "W_TEXT_SPACE": (
        EN,
        GOODBYE_EN,
        f'{GOODBYE_EN[:-1]}Good  bye."',
        GOODBYE,
        "spaces at an end or doubled; take them out",
    ),
    "W_TEXT_VOWELS": (
        AR,
        GOODBYE_AR,
        f'{GOODBYE_AR[:-2]} السلام."',
        GOODBYE,
        "السلام without vowels; write it with its",
    ),
    "W_TEXT_STALE": (
        AR,
        'msgid "Goodbye."',
        'msgid "Bye."',
        'msgid "Bye."',
        "its msgid is not the English one of today; check the",
    ),
    "W_TEXT_UNKNOWN": (
        AR,
        'msgctxt "goodbye"',
        'msgctxt "adieu"\nmsgid "Adieu."\nmsgstr "نَصٌّ."\n\nmsgctxt "goodbye"',
        'msgid "Adieu."',
        "adieu: the English catalogue has no such prompt; add it",
    ),
}
"""By the code that they get; where there is no line, the finding is about another file."""

OTHER_FILE = {
    "W_LANGUAGE_MENU": ("site.toml", "languages ="),
    "W_GUIDE_UNUSED": ("guide/visa.yaml", "title"),
}
BESIDES = {
    "E_FLOW_TEXT": {"W_TEXT_UNUSED"},
    **{code: {"W_AUDIO_STALE"} for code in ("E_TEXT_LONG", "E_TEXT_CONTROL", "E_TEXT_SYMBOL", "E_TEXT_MARKUP")},
    **{code: {"W_AUDIO_STALE"} for code in ("E_TEXT_SCRIPT", "W_TEXT_SPACE", "W_TEXT_VOWELS")},
    "E_TEXT_UNTRANSLATED": {"E_TEXT_SCRIPT", "W_AUDIO_STALE"},
}
"""What else is true then."""
