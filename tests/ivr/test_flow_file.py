"""All errors in flow.yaml are reported at once, with code, line and remedy, before a call meets them."""

import re
import time
from pathlib import Path

import pytest
from every import every
from site_files import edited, line_of
from small_flow import FLOW, GUIDE, TEXTS, findings, flow_refusal

from ivr.flow import model
from ivr.flow.file import read_draft
from ivr.home.settings import CHECKOUT
from ivr.site import guide, site
from ivr.site.findings import SiteError
from prompts import catalogue

EXAMPLE = CHECKOUT / "sites" / "consulate"


def test_the_example_flow_is_valid() -> None:
    texts = set(catalogue.load(EXAMPLE).ids)
    settings = site.load(EXAMPLE)
    procedures = guide.parse(guide.read(EXAMPLE / "guide"), EXAMPLE / "guide", settings.countries)
    flow = model.parse(model.read(EXAMPLE / "flow.yaml"), "flow.yaml", settings.languages, texts, procedures)
    assert flow.texts <= texts


def test_the_example_flow_is_read_and_checked_within_50_ms() -> None:
    texts, text = set(catalogue.load(EXAMPLE).ids), model.read(EXAMPLE / "flow.yaml")
    settings = site.load(EXAMPLE)
    procedures = guide.parse(guide.read(EXAMPLE / "guide"), EXAMPLE / "guide", settings.countries)

    def once() -> float:
        began = time.process_time()  # ignores other load on this machine
        model.parse(text, "flow.yaml", settings.languages, texts, procedures)
        return time.process_time() - began

    assert min(once() for _ in range(5)) < 0.05


def test_the_small_test_flow_is_valid() -> None:
    flow = model.parse(FLOW, "flow.yaml", ("ar", "fr"), TEXTS)
    assert (flow.start, flow.operator, flow.silence_s, flow.texts) == ("language", "queue", 5, TEXTS)
    assert findings(FLOW, TEXTS, guide.Guide({})) == []


FLOW_MISTAKES = [
    (
        "E_FLOW_TARGET",
        "start: language",
        "start: begin",
        "start: begin",
        "start is 'begin', which is not a node; name one of the nodes",
    ),
    ("E_FLOW_TARGET", "operator: queue", "operator: nobody", "operator:", "operator is 'nobody', which is not a node"),
    ("E_FLOW_VALUE", "change_language: language\n", "", "start", "change_language: is missing; add it"),
    ("E_FLOW_VALUE", "silence_s: 5", "silence_s: 90", "silence_s", "silence_s: .*less than or equal to 30, found 90"),
    ("E_FLOW_VALUE", "silence_s: 5", "silence_s: .nan", "silence_s", "silence_s: "),
    ("E_FLOW_VALUE", "silence_s: 5", "silence: 5", "silence:", "silence: is not a valid name here; correct or"),
    (
        "E_FLOW_TARGET",
        "next: main",
        "next: mian",
        "next: mian",
        "language leads to 'mian', which is not a node; write that node",
    ),
    (
        "E_FLOW_VALUE",
        "topic: file",
        "topic: The File",
        "topic",
        "nodes.queue.*topic: found 'The File'; write lower-case letters, digits and _, .*, at most 31",
    ),
    ("E_FLOW_VALUE", "topic: file", "topics: file", "topics", "topics: is not a valid name here"),
    ("E_FLOW_VALUE", "kind: queue", "kind: que", "queue:\n    kind", "nodes.queue: .*'que'.*'say', 'language', 'menu'"),
    ("E_FLOW_VALUE", "kind: end", "text2: x", "goodbye:\n    text2", "nodes.goodbye: Unable to extract tag.*'kind'"),
    (
        "E_FLOW_LANGUAGE",
        "2: fr}",
        "2: nl}",
        "options: {1",
        "this site does not have the language 'nl'; use one of ar, fr; or restart, if site.toml has it already",
    ),
    ("E_FLOW_KEY_TWICE", "2: fr}", "1: fr}", "options: {1", "'1' is used twice; use each key once"),
    ("E_FLOW_VALUE", "2: fr}", "12: fr}", "options: {1: ar, 12: fr}", "found '12'; write one key, 0 to 9"),
    (
        "E_FLOW_KEY_TWICE",
        "{key: 2, text: main_travel",
        "{key: 1, text: main_travel",
        "{key: 1, text: main_travel",
        "main: the key 1 is used twice in one menu; give each option a key of its own",
    ),
    (
        "E_FLOW_VALUE",
        "{key: 2, text: main_travel",
        "{key: A, text: main_travel",
        "- {key: A",
        "key of the 2nd nodes.main.menu.options: found 'A'; write one key, 0 to 9",
    ),
    (
        "E_FLOW_TEXT",
        "{key: 2, text: main_travel",
        "{key: 2, text: main_visa",
        "text: main_visa",
        "main says 'main_visa', which is in no catalogue; write that text",
    ),
    (
        "E_FLOW_TEXT",
        "silence_s: 5",
        "announcements: [goodbye, alarm]",
        "announcements",
        "announcements has 'alarm', which is in no catalogue; write that text",
    ),
    (
        "E_FLOW_VALUE",
        "{key: 2, text: main_travel",
        "{text: main_travel",
        "- {text",
        "key of the 2nd nodes.main.menu.options: is missing",
    ),
    (
        "E_FLOW_UNREACHABLE",
        "  goodbye:\n",
        "  other: {kind: end}\n  goodbye:\n",
        "other:",
        "no caller can reach other; lead to it or delete it",
    ),
    (
        "E_FLOW_VALUE",
        "  goodbye:\n",
        "  Good Bye: {kind: end}\n  goodbye:\n",
        "Good Bye",
        "found 'Good Bye'; write lower-case letters, digits and _, beginning with a letter, at most 24",
    ),
    (
        "E_FLOW_VALUE",
        "  goodbye:\n",
        "  card:\n    kind: ask\n    text: wait\n    name: card\n    next: queue\n    back: main\n"
        "    least: 9\n    most: 8\n  goodbye:\n",
        "most: 8",
        "nodes.card.ask.most: most is 8 and least is 9, so no number is valid; write 9 or more",
    ),
    (
        "E_FLOW_VALUE",
        "  goodbye:\n",
        "  shut:\n    kind: hours\n    open: queue\n    closed: goodbye\n    holiday: closed_holiday\n  goodbye:\n",
        "holiday:",
        "nodes.shut.hours.holiday: holiday replaces text, which is missing; write text too",
    ),
    (
        "E_FLOW_VALUE",
        "  goodbye:\n",
        "  shut:\n    kind: hours\n    open: queue\n    closed: goodbye\n    forced: closed_forced\n  goodbye:\n",
        "forced:",
        "nodes.shut.hours.forced: forced replaces text, which is missing; write text too",
    ),
    ("E_FLOW_TWICE", "  goodbye:\n", "  queue: {kind: end}\n  goodbye:\n", "queue: {kind", "'queue' is used twice"),
    ("E_FLOW_FILE", "nodes:\n", "nodes: [\n", "kind: language", "correct the YAML"),
    (
        "E_FLOW_FILE",
        "silence_s: 5",
        f"silence_s: 0x{'f' * 6000}",
        "silence_s",
        "a number of 6002 characters is not allowed; write a shorter one",
    ),
    (
        "E_FLOW_FILE",
        "silence_s: 5",
        f"silence_s: 1{':59' * 1_000_000}",  # at once, not after hours
        "silence_s",
        "a number of 3000001 characters is not allowed; write a shorter one",
    ),
    ("E_FLOW_FILE", "topic: file", "topic: \x01", "topic", "special characters are not allowed; correct the YAML"),
    (
        "E_FLOW_FILE",
        "topic: file",
        "topic: *file",
        "topic",
        r"alias \*file is not allowed; write out what it repeats",
    ),
    (
        "E_FLOW_FILE",
        "topic: file",
        "topic: !!python/object:os.system x",
        "topic",
        "could not determine a constructor.*; correct the YAML",
    ),
    (
        "E_FLOW_FILE",
        "start: language",
        "start: &a [*a]",
        "start",
        r"the alias \*a is not allowed; write out what it repeats",
    ),
    (
        "E_FLOW_OFFER",
        "topic: file",
        "topic: file\n    offers: [{key: 1, text: main_file, next: main}]",
        "offers",
        "queue offers waiting callers 'main', which is of the kind menu; offer a node of the kind record, callback",
    ),
    (
        "E_FLOW_VALUE",
        "topic: file",
        "topic: file\n    offers: [{key: 9, text: main_file, next: main}]",
        "offers",
        "the key 9 has a fixed meaning; give that offer another one",
    ),
    (
        "E_FLOW_VALUE",
        "topic: file",
        "topic: file\n    say_every_s: 0",
        "say_every_s",
        "say_every_s: .*greater than or equal to 1, found 0",
    ),
]


@every(("code", "old", "new", "where", "sentence"), FLOW_MISTAKES)
def test_an_error_in_the_flow_is_reported(code: str, old: str, new: str, where: str, sentence: str) -> None:
    text = edited(FLOW, old, new)
    ((line, what),) = flow_refusal(text)
    assert line == line_of(text, where)
    assert re.search(f"^{code} .*{sentence}", what), what


def test_a_missing_text_of_the_guide_is_reported_at_its_procedure_and_an_unused_procedure_is_a_warning() -> None:
    more = "  paper: {kind: guide, procedures: [visa], back: main}\n  goodbye:\n    kind"
    offered = edited(edited(FLOW, "  goodbye:\n    kind", more), "main_file, next: queue}", "main_file, next: paper}")
    visa = GUIDE.procedures["visa"]
    known = read_draft(offered, "flow.yaml").flow.texts | set(visa.text_ids)
    assert findings(offered, known, GUIDE) == []
    (found,) = findings(offered, known - {"guide_visa_fee"}, GUIDE)
    assert str(found) == (
        "guide/visa.yaml:3: E_GUIDE_TEXT the guide says 'guide_visa_fee', which is in no catalogue; write that text."
    )
    (found,) = findings(FLOW, known, GUIDE)
    assert str(found) == (
        "guide/visa.yaml:3: W_GUIDE_UNUSED no node offers the procedure 'visa'; "
        "add it to a guide node of flow.yaml, or delete it."
    )


def test_an_unused_text_is_a_warning_unless_it_is_an_announcement() -> None:
    texts = "texts:\n  goodbye: Goodbye.\n  alarm: Attention.\n"
    (found,) = findings(FLOW + texts)
    assert (found.code, found.line) == ("W_TEXT_UNUSED", line_of(FLOW + texts, "  alarm"))
    assert (found.found, found.remedy) == ("the text 'alarm' is never used", "delete it, or name it in announcements")
    assert findings(edited(FLOW, "silence_s: 5", "announcements: [alarm]") + texts) == []
    assert model.parse(FLOW + texts, "flow.yaml", ("ar", "fr")).nodes  # a warning refuses nothing


def test_all_errors_of_the_flow_are_reported_at_once() -> None:
    text = edited(FLOW, "silence_s: 5", "silence_s: 0")
    text = edited(text, "topic: file", "topic: 7\n    priority: 99")
    assert [line for line, _ in flow_refusal(text)] == [
        line_of(text, part) for part in ("silence_s", "topic", "priority")
    ]
    text = edited(FLOW, "next: goodbye", "next: nowhere")
    text = edited(text, "2: fr}", "2: nl}")
    text = edited(text, "text: main_file", "text: main_visa")
    assert len(flow_refusal(text)) == 3


def test_an_invalid_node_does_not_hide_errors_of_others() -> None:
    text = edited(FLOW, "topic: file", "topic: 7")
    text = edited(text, "2: fr}", "2: nl}")
    text = edited(text, "text: main_file, next: queue", "text: main_file, next: nowhere")
    text = edited(text, "operator: queue", "operator: nobody")
    text = edited(text, "  goodbye:\n    kind", "  goodbye: {}\n  goodbye:\n    kind")
    text = edited(text, "{key: 2", "{key: 1")
    assert [what.split()[0] for _, what in flow_refusal(text)] == [
        "E_FLOW_TARGET",
        "E_FLOW_LANGUAGE",
        "E_FLOW_TARGET",
        "E_FLOW_KEY_TWICE",
        "E_FLOW_VALUE",
        "E_FLOW_TWICE",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- start\n", "start\n", "null\n"])
def test_an_empty_flow_is_reported(text: str) -> None:
    ((line, what),) = flow_refusal(text)
    assert line == 1 and "write start, operator, change_language and nodes" in what


def test_an_unreadable_flow_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        model.read(tmp_path / "flow.yaml")
    (tmp_path / "flow.yaml").write_bytes(b"\xff")
    with pytest.raises(SiteError, match="must be a UTF-8 text file"):
        model.read(tmp_path / "flow.yaml")
