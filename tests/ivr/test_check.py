"""`hatif check` names whatever is wrong or doubtful in a site, with its code, place and remedy, and nothing else."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import small_site
import test_flow_file
from site_files import line_of
from small_site import SmallSite

from ivr import checking
from ivr.cli.main import main
from ivr.findings import Finding, SiteError
from ivr.settings import CHECKOUT
from prompts import catalogue, manifest

PAGE = CHECKOUT / "docs" / "check.md"
AR, EN = "locale/ar/LC_MESSAGES/hatif.po", "locale/en/LC_MESSAGES/hatif.po"
GOODBYE_EN = 'msgid "Goodbye."\nmsgstr ""'
GOODBYE_AR = 'msgid "Goodbye."\nmsgstr "نَصٌّ."'
GOODBYE = 'msgid "Goodbye."'


@pytest.fixture(scope="session")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("small")
    small_site.make(home)
    return home


@pytest.fixture
def small(in_order: Path, tmp_path: Path) -> SmallSite:
    shutil.copytree(in_order, tmp_path / "home")
    return SmallSite(tmp_path / "home" / "site", tmp_path / "home" / "sounds")


def check(site: SmallSite) -> list[Finding]:
    return checking.check(site.folder, site.sounds, small_site.NEEDED)


def codes(found: Iterable[Finding]) -> list[str]:
    return [each.code for each in found]


def test_the_small_site_of_these_tests_is_in_order(small: SmallSite) -> None:
    assert [str(each) for each in check(small)] == []


# An edit of one file: the file, what stands there, what somebody writes instead. Then the line, as what stands in it
# (of the file as it is then), and what is said.
EDITS = {
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


@pytest.mark.parametrize("code", EDITS)
def test_a_mistake_in_a_file_gets_its_code_and_line_and_says_what_would_be_right(code: str, small: SmallSite) -> None:
    name, old, new, where, said = EDITS[code]
    text = small.edit(name, old, new)
    if where is None:
        name, where = OTHER_FILE[code]
        text = (small.folder / name).read_text(encoding="utf-8")
    found = check(small)
    assert {each.code for each in found} - BESIDES.get(code, set()) == {code}, [str(each) for each in found]
    finding = next(each for each in found if each.code == code)
    expected = next(n for n, line in enumerate(f"{text}\n".splitlines(keepends=True), 1) if where in line)
    assert (finding.file, finding.line) == (str(small.folder / name), expected)
    assert re.search(said, f"{finding.found}; {finding.remedy}"), str(finding)
    assert finding.is_error is code.startswith("E_")


def one(found: list[Finding], code: str) -> str:
    """What is said under a code, without the folder; nothing else is said."""
    (finding,) = found
    assert finding.code == code, str(finding)
    return f"{Path(finding.file).name}:{finding.line}: {finding.found}; {finding.remedy}"


def nobody_speaks_english(site: SmallSite) -> str:
    site.edit("operators.csv", "ar:5 en:3", "ar:5")
    site.edit("operators.csv", "1002,Zoe Laurel,en:5", "1002,Zoe Laurel,ar:5")
    site.edit("operators.csv", "ar:5 en:4", "ar:5")
    return (
        "operators.csv:1: nobody speaks en at level 1 or above; its callers would wait for ever; add an operator "
        "who does, such as en:4, or take the language out of languages in site.toml"
    )


def english_is_spoken_below_the_level(site: SmallSite) -> str:
    site.edit("site.toml", "[[carrier]]", "[operators]\nlevel = 5\n\n[[carrier]]")
    site.edit("operators.csv", "1002,Zoe Laurel,en:5", "1002,Zoe Laurel,en:4")
    return (
        "operators.csv:1: nobody speaks en at level 5 or above; its callers would wait for ever; add an operator "
        "who does, such as en:5, or take the language out of languages in site.toml"
    )


def there_is_one_language(site: SmallSite) -> str:
    site.edit("site.toml", 'languages = ["ar", "en"]', 'languages = ["en"]')
    site.edit("site.toml", 'languages = ["en", "ar"]', 'languages = ["en"]')
    site.edit("site.toml", '[fallback]\nar = ["en"]\nen = ["ar"]\n', "")
    site.edit("flow.yaml", "{2: ar, 3: en}", "{3: en}")
    (site.folder / "operators.csv").write_text(small_site.OPERATORS.replace("ar:5 ", ""), encoding="utf-8")
    return "site.toml:2: there is one language; no other replaces audio that is missing or broken; add a language"


def a_language_has_no_catalogue(site: SmallSite) -> str:
    shutil.rmtree(site.folder / "locale" / "ar")
    return (
        f"site.toml:2: 'ar' has no catalogue {site.folder}/{AR}; make it as docs/add-a-language.md says, or take the "
        "language out of languages"
    )


def a_recorded_language_has_no_catalogue(site: SmallSite) -> str:
    site.edit("site.toml", "[hours]", 'recorded_only = ["zgh"]\n\n[hours]')
    return (
        "hatif.po:1: zgh: there is no such catalogue; make it as docs/add-a-language.md says, or take the language "
        "out of recorded_only in site.toml"
    )


def a_recorded_language_is_on_too_early(site: SmallSite) -> str:
    site.edit("site.toml", "[hours]", 'recorded_only = ["ar"]\n\n[hours]')
    (site.folder / "recordings" / "ar").mkdir(parents=True)
    site.heard("ar", "goodbye")
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"hatif.po:1: ar: 1 of {texts} texts have no recording (goodbye); record them in {site.folder}/recordings/ar "
        "and run `hatif prompts build`; until then take the language out of languages in site.toml"
    )


def a_language_is_being_translated(site: SmallSite) -> str:
    small_site.write_catalogue(site.folder, "pt", {"goodbye": "Goodbye.", "alarm": "Attention."}, {"goodbye": "Adeus."})
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"hatif.po:1: {texts - 1} of {texts} texts are not in order, and callers cannot choose 'pt' yet; correct them "
        "before it joins `languages` in site.toml; `hatif prompts status` counts them"
    )


def a_text_of_the_fallback_is_not_there(site: SmallSite) -> str:
    text = (site.folder / "texts.yaml").read_text(encoding="utf-8")
    (site.folder / "texts.yaml").write_text(re.sub("  fallback_wait: .*\n", "", text), encoding="utf-8")
    for name in (AR, EN):
        text = (site.folder / name).read_text(encoding="utf-8")
        entries = [each for each in text.split("\n\n") if '"fallback_wait"' not in each]
        (site.folder / name).write_text("\n\n".join(entries), encoding="utf-8")
    return "texts.yaml:1: the fallback plays 'fallback_wait', which no catalogue has; write that text"


def there_is_no_audio(site: SmallSite) -> str:
    (site.sounds / manifest.FILE).unlink()
    return "manifest.json:1: No such file or directory; run `hatif prompts build`"


def the_list_of_audio_is_broken(site: SmallSite) -> str:
    (site.sounds / manifest.FILE).write_text('{"ar": 1}', encoding="utf-8")
    return (
        "manifest.json:1: not a list of prompts (AttributeError: 'int' object has no attribute 'items'); "
        "run `hatif prompts build`"
    )


def prompts_have_no_audio(site: SmallSite) -> str:
    for prompt in ("press_1", "press_2", "press_3", "wait", "to_operator", "goodbye", "alarm"):
        site.heard("ar", prompt)
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"manifest.json:1: 7 (press_1, press_2, press_3, to_operator, wait and 2 more) of {texts} prompts in ar "
        "have no audio; run `hatif prompts build`"
    )


def audio_is_cut_short(site: SmallSite) -> str:
    site.heard("en", "goodbye", seconds=0.2)
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"manifest.json:1: the audio of 1 (goodbye) of {texts} prompts in en is gone or cut short; "
        "run `hatif prompts build`"
    )


def audio_is_gone(site: SmallSite) -> str:
    site.heard("en", "goodbye", file="hatif/en/goodbye-1")
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"manifest.json:1: the audio of 1 (goodbye) of {texts} prompts in en is gone or cut short; "
        "run `hatif prompts build`"
    )


def audio_is_of_before(site: SmallSite) -> str:
    site.heard("en", "goodbye", text="Bye.")
    texts = len(catalogue.load(site.folder).ids)
    found = f"1 (goodbye) of {texts} prompts in en are heard with a text of before"
    return f"manifest.json:1: {found}; run `hatif prompts build`"


SITUATIONS: list[tuple[str, Callable[[SmallSite], str]]] = [
    ("E_LANGUAGE_NOBODY", nobody_speaks_english),
    ("E_LANGUAGE_NOBODY", english_is_spoken_below_the_level),
    ("W_FALLBACK_NONE", there_is_one_language),
    ("E_LANGUAGE_FOLDER", a_language_has_no_catalogue),
    ("E_LANGUAGE_FOLDER", a_recorded_language_has_no_catalogue),
    ("E_LANGUAGE_INCOMPLETE", a_recorded_language_is_on_too_early),
    ("W_LANGUAGE_OFF", a_language_is_being_translated),
    ("E_TEXT_NEEDED", a_text_of_the_fallback_is_not_there),
    ("E_AUDIO_MISSING", there_is_no_audio),
    ("E_AUDIO_LIST", the_list_of_audio_is_broken),
    ("E_AUDIO_MISSING", prompts_have_no_audio),
    ("E_AUDIO_BROKEN", audio_is_cut_short),
    ("E_AUDIO_BROKEN", audio_is_gone),
    ("W_AUDIO_STALE", audio_is_of_before),
]


@pytest.mark.parametrize(("code", "make_it_so"), SITUATIONS)
def test_what_does_not_fit_together_gets_its_code_and_says_what_would_be_right(
    code: str, make_it_so: Callable[[SmallSite], str], small: SmallSite
) -> None:
    said = make_it_so(small)
    assert one(check(small), code) == said


def test_a_recorded_language_that_is_off_may_be_incomplete(small: SmallSite) -> None:
    small_site.write_catalogue(small.folder, "zgh", {}, {})
    (small.folder / "recordings" / "zgh").mkdir(parents=True)
    small.edit("site.toml", "[hours]", 'recorded_only = ["zgh"]\n\n[hours]')
    assert codes(check(small)) == ["W_LANGUAGE_OFF"]


def test_one_mistake_never_hides_another(small: SmallSite) -> None:
    small.edit("site.toml", 'name = "small"', 'name = "Small"')
    small.edit("operators.csv", "1002,Zoe", "x,Zoe")
    small.edit("flow.yaml", "topic: travel", "topic: 7")
    small.edit("flow.yaml", "text: main_travel, next: queue", "text: main_travel, next: nowhere")
    small.edit("guide/visa.yaml", "status: sample", "status: old")
    small.edit(AR, GOODBYE_AR, 'msgid "Goodbye."\nmsgstr ""')
    assert sorted(codes(check(small))) == [
        "E_FLOW_TARGET",
        "E_FLOW_VALUE",
        "E_GUIDE_FIELD",
        "E_OPERATOR_ROW",
        "E_SITE_VALUE",
        "E_TEXT_MISSING",
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("site.toml", "E_SITE_FILE"),
        ("flow.yaml", "E_FLOW_FILE"),
        ("guide/visa.yaml", "E_GUIDE_FILE"),
        (EN, "E_TEXT_FILE"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_once_and_the_others_are_checked(
    name: str, code: str, small: SmallSite
) -> None:
    (small.folder / name).write_bytes(b"\xff")
    if name != AR:
        small.edit(AR, 'msgid ""', 'x msgid ""')
    found = check(small)
    assert sorted(codes(found)) == sorted([code, "E_TEXT_FILE"]), [str(each) for each in found]
    assert str(small.folder / name) in [each.file for each in found]


def test_errors_come_before_warnings_and_each_in_the_order_of_files_and_lines(small: SmallSite) -> None:
    small.heard("en", "goodbye", text="Bye.")
    small.edit("site.toml", "08:00-20:00", "08:10-20:00")
    small.edit("site.toml", 'country = "GB"', 'country = "SE"')
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    found = check(small)
    assert codes(found) == ["E_FLOW_TEXT", "E_NUMBER_LANGUAGES", "W_TEXT_UNUSED", "W_HOURS_WORDS", "W_AUDIO_STALE"]


def test_a_finding_is_one_sentence_with_file_line_code_and_remedy() -> None:
    finding = Finding("E_FLOW_TARGET", "flow.yaml", 12, "main leads to 'fiel', which is no node", "write that node")
    sentence = "flow.yaml:12: E_FLOW_TARGET main leads to 'fiel', which is no node; write that node."
    assert str(finding) == sentence == str(SiteError(finding))
    assert str(SiteError(finding, finding)) == f"{sentence}\n{sentence}"


# The command


def hatif(site: SmallSite, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of `hatif`, run here."""
    monkeypatch.setenv("HATIF_HOME", str(site.folder.parent))
    monkeypatch.setenv("HATIF_SITE", str(site.folder))
    monkeypatch.setattr("dialplan.plan.PROMPTS", small_site.NEEDED)
    monkeypatch.setattr(sys, "argv", ["hatif", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_prints_findings_sums_up_and_fails_for_errors_only(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hatif(small, monkeypatch, "check") == 0
    assert capsys.readouterr() == (f"{small.folder}: in order.\n", "")
    small.edit("site.toml", "08:00-20:00", "08:10-20:00")
    assert hatif(small, monkeypatch, "check") == 0
    out, err = capsys.readouterr()
    assert out == f"{small.folder}: in order (1 warning).\n"
    assert err.startswith(f"{small.folder}/site.toml:8: W_HOURS_WORDS ") and len(err.splitlines()) == 1
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert hatif(small, monkeypatch, "check") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == f"{small.folder}: 1 error, 2 warnings."
    assert [line.split()[1] for line in err.splitlines()[:-1]] == ["E_FLOW_TEXT", "W_TEXT_UNUSED", "W_HOURS_WORDS"]


def test_codes_are_ignored_by_their_beginning(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert hatif(small, monkeypatch, "check", "--ignore", "E_FLOW_TE", "--ignore", "W_AUDIO") == 0
    assert capsys.readouterr().out == f"{small.folder}: in order (1 warning, 1 ignored).\n"
    assert hatif(small, monkeypatch, "check", "--ignore", "") == 1


def test_the_findings_come_as_one_document_for_programs(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert hatif(small, monkeypatch, "check", "--json") == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    findings = document.pop("findings")
    assert document == {"site": str(small.folder), "in_order": False, "errors": 1, "warnings": 1, "ignored": 0}
    assert findings[0] == {
        "code": "E_FLOW_TEXT",
        "file": str(small.folder / "flow.yaml"),
        "line": line_of(text, "main_trip"),
        "found": "main says 'main_trip', which no catalogue has",
        "remedy": "write that text",
    }


def test_a_reload_is_refused_with_the_errors_of_the_whole_check(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no controller here: it is not even asked."""
    small.edit(AR, GOODBYE_AR, 'msgid "Goodbye."\nmsgstr ""')
    assert hatif(small, monkeypatch, "flow", "reload") == 1
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert " E_TEXT_MISSING goodbye: " in first
    assert last == f"hatif: The former version stays in use: {small.folder} has 1 error."
    assert hatif(small, monkeypatch, "flow", "reload", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["reloaded"], [each["code"] for each in document["findings"]]) == (False, ["E_TEXT_MISSING"])
    assert hatif(small, monkeypatch, "flow", "reload", "--json", "--ignore", "E_TEXT_MISSING") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["reloaded"], document["ignored"]) == (False, 1)
    assert "does not answer" in document["error"]


# The page


def codes_in_the_code() -> set[str]:
    files = [*(CHECKOUT / "ivr").rglob("*.py"), *(CHECKOUT / "prompts").rglob("*.py")]
    return {code for file in files for code in re.findall(r'"([EW]_[A-Z]+_[A-Z_]+)"', file.read_text(encoding="utf-8"))}


def codes_on_the_page() -> list[str]:
    rows = re.findall(r"^\| (`[EW]_.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([EW]_[A-Z_]+)`", row)]


def test_the_page_lists_every_code_once() -> None:
    listed = codes_on_the_page()
    assert len(listed) == len(set(listed))
    assert set(listed) == codes_in_the_code()


def test_every_code_is_given_by_a_test() -> None:
    of_flows = {each[0] for each in test_flow_file.FLOW_MISTAKES}
    of_flows |= {code for _, _, told in test_flow_file.WAYS for code, _, _ in told} | {"E_GUIDE_TEXT"}
    assert {*EDITS, *(code for code, _ in SITUATIONS), *of_flows} == codes_in_the_code()


# The example


def test_the_example_site_has_no_errors_in_its_files() -> None:
    found = checking.check(CHECKOUT / "sites" / "consulate", Path("/nonexistent"), ("closed",))
    errors = [str(each) for each in found if each.is_error and not each.code.startswith("E_AUDIO")]
    assert errors == []
