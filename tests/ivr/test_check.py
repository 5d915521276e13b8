"""`hatif check` reports each problem of a site with code, place and remedy, and nothing else."""

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import small_site
from check_edits import AR, BESIDES, EDITS, EN, GOODBYE_AR, OTHER_FILE
from small_site import SmallSite

from ivr.check import checking
from ivr.codes import table
from ivr.home.settings import CHECKOUT
from ivr.site import site
from ivr.site.findings import Finding, SiteError
from ivr.site.site import Operators
from prompts import catalogue, manifest


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return small_site.make(tmp_path / "home")


def check(site: SmallSite) -> list[Finding]:
    return checking.check(site.folder, site.sounds, small_site.NEEDED, site.folder.parent / "voices")


def codes(found: Iterable[Finding]) -> list[str]:
    return [item.code for item in found]


def test_the_small_site_of_these_tests_is_valid(small: SmallSite) -> None:
    assert [str(finding) for finding in check(small)] == []


@pytest.mark.parametrize("code", EDITS)
def test_a_mistake_in_a_file_gets_its_code_line_and_remedy(code: str, small: SmallSite) -> None:
    name, old, new, where, message = EDITS[code]
    text = small.edit(name, old, new)
    if where is None:
        name, where = OTHER_FILE[code]
        text = (small.folder / name).read_text(encoding="utf-8")
    found = check(small)
    assert {item.code for item in found} - BESIDES.get(code, set()) == {code}, [str(item) for item in found]
    finding = next(item for item in found if item.code == code)
    expected = next(n for n, line in enumerate(f"{text}\n".splitlines(keepends=True), 1) if where in line)
    assert (finding.file, finding.line) == (str(small.folder / name), expected)
    assert re.search(message, f"{finding.found}; {finding.remedy}"), str(finding)
    assert finding.is_error is code.startswith("E_")


@pytest.mark.parametrize(
    ("bind", "hosts", "found"),
    [
        ("127.0.0.1", '["127.0.0.2"]', []),  # a line for trying, such as the example's
        ("127.0.0.1", '["127.0.0.0/8", "10.1.2.3"]', ["W_CARRIER_LOCAL"]),
        ("127.0.0.1", '["127.0.0.1"]\nport = 5066', []),
        ("192.0.2.10", '["127.0.0.2"]', ["E_CARRIER_LOCAL"]),
        ("192.0.2.10", '["127.0.0.1", "127.0.0.2"]\nport = 5066', ["W_CARRIER_PORT"]),
        ("192.0.2.10", '["127.0.0.1"]\nport = 966', []),
        ("192.0.2.10", '["127.0.0.1"]\npassword = true', []),
        ("192.0.2.10", '["10.1.2.3"]', []),
    ],
)
def test_a_carrier_of_this_machine_without_a_password_is_named(
    small: SmallSite, bind: str, hosts: str, found: list[str]
) -> None:
    small.edit("site.toml", 'hosts = ["127.0.0.2"]', f"hosts = {hosts}")
    small.edit("site.toml", "[hours]", f'sip_bind = "{bind}"\n\n[hours]')
    assert sorted(set(codes(check(small)))) == found
    assert site.load(small.folder).carrier  # what a line's start asks; it must not be stopped by an upgrade


def test_a_remedy_may_contain_semicolons() -> None:
    finding = Finding.from_sentence(
        "E_OPERATOR_ROW", "operators.csv", 2, 'the name is not valid; write letters, without " ; [ ].'
    )
    assert (finding.found, finding.remedy) == ("the name is not valid", 'write letters, without " ; [ ]')
    assert Finding.from_sentence("E_SITE_VALUE", "site.toml", 2, "found 7").remedy == "correct it"


def one(found: list[Finding], code: str) -> str:
    """Return the message of the only finding, which must have this code, without the folder."""
    (finding,) = found
    assert finding.code == code, str(finding)
    return f"{Path(finding.file).name}:{finding.line}: {finding.found}; {finding.remedy}"


def nobody_speaks_english(site: SmallSite) -> str:
    site.edit("operators.csv", "ar:5 en:3", "ar:5")
    site.edit("operators.csv", "1002,Zoe Laurel,en:5", "1002,Zoe Laurel,ar:5")
    site.edit("operators.csv", "ar:5 en:4", "ar:5")
    return (
        "operators.csv:1: no operator speaks en at level 1 or above; callers would wait for ever; add an operator "
        "who does, such as en:4, or remove the language from languages in site.toml"
    )


def english_is_spoken_below_the_level(site: SmallSite) -> str:
    site.edit("site.toml", "[[carrier]]", "[operators]\nlevel = 5\n\n[[carrier]]")
    site.edit("operators.csv", "1002,Zoe Laurel,en:5", "1002,Zoe Laurel,en:4")
    return (
        "operators.csv:1: no operator speaks en at level 5 or above; callers would wait for ever; add an operator "
        "who does, such as en:5, or remove the language from languages in site.toml"
    )


def there_is_one_language(site: SmallSite) -> str:
    site.edit("site.toml", 'languages = ["ar", "en"]', 'languages = ["en"]')
    site.edit("site.toml", 'languages = ["en", "ar"]', 'languages = ["en"]')
    site.edit("site.toml", '[fallback]\nar = ["en"]\nen = ["ar"]\n', "")
    site.edit("flow.yaml", "{2: ar, 3: en}", "{3: en}")
    (site.folder / "operators.csv").write_text(small_site.OPERATORS.replace("ar:5 ", ""), encoding="utf-8")
    return "site.toml:2: there is only one language; no other replaces missing or broken audio; add a language"


def a_language_has_no_catalogue(site: SmallSite) -> str:
    shutil.rmtree(site.folder / "locale" / "ar")
    return (
        f"site.toml:2: 'ar' has no catalogue {site.folder}/{AR}; create it as in docs/add-a-language.md, or remove the "
        "language from languages"
    )


def a_recorded_language_has_no_catalogue(site: SmallSite) -> str:
    site.edit("site.toml", "[hours]", 'recorded_only = ["zgh"]\n\n[hours]')
    return (
        "hatif.po:1: zgh: no such catalogue; create it as in docs/add-a-language.md, or remove the language "
        "from recorded_only in site.toml"
    )


def a_recorded_language_is_on_too_early(site: SmallSite) -> str:
    site.edit("site.toml", "[hours]", 'recorded_only = ["ar"]\n\n[hours]')
    (site.folder / "recordings" / "ar").mkdir(parents=True)
    site.heard("ar", "goodbye")
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"hatif.po:1: ar: 1 of {texts} texts have no recording (goodbye); put the recordings "
        f"into {site.folder}/recordings/ar and run `hatif prompts build`; until then remove the language "
        "from languages in site.toml"
    )


def a_language_is_being_translated(site: SmallSite) -> str:
    small_site.write_catalogue(site.folder, "pt", {"goodbye": "Goodbye.", "alarm": "Attention."}, {"goodbye": "Adeus."})
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"hatif.po:1: {texts - 1} of {texts} texts have errors, and callers cannot choose 'pt' yet; correct them "
        "before you add it to `languages` in site.toml; see `hatif prompts status`"
    )


def without_text(site: SmallSite, *ids: str) -> None:
    """Remove texts from all catalogues, as in an older site."""
    for item in ids:
        text = (site.folder / "texts.yaml").read_text(encoding="utf-8")
        (site.folder / "texts.yaml").write_text(re.sub(f"  {item}: .*\n", "", text), encoding="utf-8")
        for name in (AR, EN):
            text = (site.folder / name).read_text(encoding="utf-8")
            entries = [entry for entry in text.split("\n\n") if f'"{item}"' not in entry]
            (site.folder / name).write_text("\n\n".join(entries), encoding="utf-8")


def a_text_of_the_fallback_is_not_there(site: SmallSite) -> str:
    without_text(site, "fallback_wait")
    return "texts.yaml:1: the fallback plays 'fallback_wait', which is in no catalogue; add that text"


def texts_of_conversations_are_not_there(site: SmallSite) -> str:
    without_text(site, "talk_outside", "talk_language_en", "talk_no_answer")
    found = "3 (talk_outside, talk_no_answer, talk_language_en) of 17 texts of conversations"
    return f"site.toml:1: {found} are in no catalogue; add them to texts.yaml, as in the example site"


def texts_of_supervision_and_of_calling_back_are_not_there(site: SmallSite) -> str:
    without_text(site, "callback_code_noted", "supervision_not_talking")
    wanted = len(table.texts(("ar", "en"), Operators().pauses))
    found = f"2 (callback_code_noted, supervision_not_talking) of {wanted} texts of feature codes, such as reasons of"
    return f"site.toml:1: {found} pauses, are in no catalogue; add them to texts.yaml, as in the example site"


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
        f"manifest.json:1: 7 (press_1, press_2, press_3, to_operator, wait and 2 more) of {texts} texts in ar "
        "have no audio; run `hatif prompts build`"
    )


def audio_is_cut_short(site: SmallSite) -> str:
    site.heard("en", "goodbye", seconds=0.2)
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"manifest.json:1: the audio of 1 (goodbye) of {texts} texts in en is missing or truncated; "
        "run `hatif prompts build`"
    )


def audio_is_gone(site: SmallSite) -> str:
    site.heard("en", "goodbye", file="hatif/en/goodbye-1")
    texts = len(catalogue.load(site.folder).ids)
    return (
        f"manifest.json:1: the audio of 1 (goodbye) of {texts} texts in en is missing or truncated; "
        "run `hatif prompts build`"
    )


def audio_is_of_before(site: SmallSite) -> str:
    site.heard("en", "goodbye", text="Bye.")
    texts = len(catalogue.load(site.folder).ids)
    found = f"1 (goodbye) of {texts} texts in en still have the audio of an earlier text"
    return f"manifest.json:1: {found}; run `hatif prompts build`"


def a_recording_is_of_before(site: SmallSite) -> str:
    site.heard("en", "goodbye", text="Bye.", source="recording")
    found = f"1 (goodbye) of {len(catalogue.load(site.folder).ids)} texts in en have changed since they were recorded"
    remedy = "record them again, re-import the recording if it speaks the new text, or remove it"
    return f"manifest.json:1: {found}; {remedy} so that a voice speaks"


def the_site_is_of_an_earlier_version(site: SmallSite) -> str:
    text, own = "help_no_digits", "This is help no digits."
    site.edit("texts.yaml", f"  {text}: {own}\n", "")
    site.edit(EN, f'msgctxt "{text}"\nmsgid "{own}"\nmsgstr ""\n', "")
    site.edit(AR, f'msgctxt "{text}"\nmsgid "{own}"\nmsgstr "نَصٌّ."\n', "")
    texts = catalogue.load(site.folder)
    for language in ("ar", "en"):
        site.heard(language, text, text=texts.text(language, text))
    found = f"callers hear texts of the program, which this site does not have: 1 ({text})"
    remedy = f"write them in texts.yaml, such as {text}: {texts.text('en', text)!r}, and run `hatif prompts update`"
    return f"texts.yaml:1: {found}; {remedy}"


SITUATIONS: list[tuple[str, Callable[[SmallSite], str]]] = [
    ("E_LANGUAGE_NOBODY", nobody_speaks_english),
    ("E_LANGUAGE_NOBODY", english_is_spoken_below_the_level),
    ("W_FALLBACK_NONE", there_is_one_language),
    ("E_LANGUAGE_FOLDER", a_language_has_no_catalogue),
    ("E_LANGUAGE_FOLDER", a_recorded_language_has_no_catalogue),
    ("E_LANGUAGE_INCOMPLETE", a_recorded_language_is_on_too_early),
    ("W_LANGUAGE_OFF", a_language_is_being_translated),
    ("E_TEXT_NEEDED", a_text_of_the_fallback_is_not_there),
    ("W_TALK_TEXT", texts_of_conversations_are_not_there),
    ("W_TEXT_PROGRAM", the_site_is_of_an_earlier_version),
    ("W_CODE_TEXT", texts_of_supervision_and_of_calling_back_are_not_there),
    ("E_AUDIO_MISSING", there_is_no_audio),
    ("E_AUDIO_LIST", the_list_of_audio_is_broken),
    ("E_AUDIO_MISSING", prompts_have_no_audio),
    ("E_AUDIO_BROKEN", audio_is_cut_short),
    ("E_AUDIO_BROKEN", audio_is_gone),
    ("W_AUDIO_STALE", audio_is_of_before),
    ("W_RECORDING_OLD", a_recording_is_of_before),
]


@pytest.mark.parametrize(("code", "make_it_so"), SITUATIONS)
def test_a_conflict_between_files_gets_its_code_and_remedy(
    code: str, make_it_so: Callable[[SmallSite], str], small: SmallSite
) -> None:
    message = make_it_so(small)
    assert one(check(small), code) == message


def test_a_text_that_is_too_long_is_reported_once_with_its_seconds_in_each_language(small: SmallSite) -> None:
    small.audio_lasts("ar", "guide_visa_fee", 12.3)
    small.audio_lasts("en", "guide_visa_fee", 20.5)
    small.audio_lasts("ar", "goodbye", 12.0)
    message = (
        "visa.yaml:7: guide_visa_fee lasts 20.5 s in en, 12.3 s in ar; longest_text_s is 12; shorten it, or divide it "
        "where the flow or the guide allows"
    )
    assert one(check(small), "W_TEXT_LONG") == message
    small.edit("site.toml", 'languages = ["ar", "en"]', 'languages = ["ar", "en"]\nlongest_text_s = 21')
    assert check(small) == []


def test_the_length_of_a_text_without_audio_is_estimated(small: SmallSite) -> None:
    long = "It costs little. " * 14
    small.edit("guide/visa.yaml", "It costs little.", long)
    small.edit(EN, 'msgid "It costs little."', f'msgid "{long.strip()}"')
    found = next(item for item in check(small) if item.code == "W_TEXT_LONG")
    assert found.found == "guide_visa_fee lasts about 17 s in en (estimated, without audio); longest_text_s is 12"


@pytest.mark.parametrize(
    ("operator", "countries"), [("177", " in MA"), ("112", " in GB"), ("911", ""), ("110", None), ("1120", None)]
)
def test_an_id_is_no_emergency_number_where_the_line_is_in_the_countries_of_its_numbers_or_on_any_mobile(
    operator: str, countries: str | None, small: SmallSite
) -> None:
    small.edit("operators.csv", "1002,Zoe", f"{operator},Zoe")
    found = [finding.found for finding in check(small) if finding.code == "E_OPERATOR_EMERGENCY"]
    telephone = "a telephone that dials it would ring an operator"
    assert found == (
        [f"the id {operator} is an emergency number{countries}: {telephone}"] if countries is not None else []
    )


def test_a_recordings_only_language_that_is_off_may_be_incomplete(small: SmallSite) -> None:
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


REFUSED_VALUES = [
    ('sip_bind = "eth0"', "sip_bind: 'eth0' is not an IP address; write one of this machine"),
    (
        'hosts = ["sip.example.net"]',
        "hosts of the 1st carrier, the 1st: 'sip.example.net' is not an address; write an IP address or network",
    ),
    (
        'hosts = ["0.0.0.0/0"]',
        "hosts of the 1st carrier, the 1st: '0.0.0.0/0' is the whole internet; write the carrier's own",
    ),
    (
        'hosts = ["127.0.0.2"]\ncodecs = ["g999"]',
        "codecs of the 1st carrier, the 1st: Input should be 'alaw', 'ulaw' or 'g722'",
    ),
    (
        'hosts = ["127.0.0.2"]\ndial = "127.0.0.2:99999"',
        "dial of the 1st carrier, the 1st: '99999' is not a port; write a number from 1",
    ),
]


@pytest.mark.parametrize(("line", "message"), REFUSED_VALUES)
def test_an_address_that_asterisk_would_reject_is_refused_with_its_line(
    line: str, message: str, small: SmallSite
) -> None:
    if line.startswith("sip_bind"):
        text = small.edit("site.toml", "[hours]", f"{line}\n\n[hours]")
    else:
        text = small.edit("site.toml", 'hosts = ["127.0.0.2"]', line)
    (finding,) = check(small)
    at = 1 + text.splitlines().index(line.splitlines()[-1])
    assert (finding.code, finding.line) == ("E_SITE_VALUE", at)
    assert f"{finding.found}; {finding.remedy}".startswith(message), str(finding)


def test_two_carriers_never_share_an_address(small: SmallSite) -> None:
    small.edit(
        "site.toml",
        '[[number]]\nnumber = "+44',
        '[[carrier]]\nname = "two"\nhosts = ["127.0.0.0/29"]\n\n[[number]]\nnumber = "+44',
    )
    assert one(check(small), "E_SITE_TWICE") == (
        "site.toml:16: hosts of the 2nd carrier: 127.0.0.0/29 of 'two' is also 127.0.0.2 of 'one'; give each "
        "address to one carrier"
    )


def test_errors_come_before_warnings_and_both_are_sorted_by_file_and_line(small: SmallSite) -> None:
    small.heard("en", "goodbye", text="Bye.")
    small.edit("site.toml", "08:00-20:00", "08:10-20:00")
    small.edit("site.toml", 'country = "GB"', 'country = "SE"')
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    found = check(small)
    assert codes(found) == ["E_FLOW_TEXT", "E_NUMBER_LANGUAGES", "W_TEXT_UNUSED", "W_HOURS_WORDS", "W_AUDIO_STALE"]


def test_a_finding_is_one_sentence_with_file_line_code_and_remedy() -> None:
    finding = Finding("E_FLOW_TARGET", "flow.yaml", 12, "main leads to 'fiel', which is not a node", "write that node")
    sentence = "flow.yaml:12: E_FLOW_TARGET main leads to 'fiel', which is not a node; write that node."
    assert str(finding) == sentence == str(SiteError(finding))
    assert str(SiteError(finding, finding)) == f"{sentence}\n{sentence}"


def test_the_example_site_has_no_errors_in_its_files() -> None:
    found = checking.check(CHECKOUT / "sites" / "consulate", Path("/nonexistent"), ("closed",), Path("/nonexistent"))
    errors = [str(item) for item in found if item.is_error and not item.code.startswith("E_AUDIO")]
    assert errors == []
