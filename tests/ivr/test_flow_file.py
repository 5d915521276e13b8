"""Each mistake in flow.yaml is told with file, line and remedy, all of them at once, before a call meets it."""

import re
from pathlib import Path

import pytest
from site_files import edited, line_of, refusal

from ivr import site
from ivr.flow import model
from ivr.settings import CHECKOUT
from ivr.site import SiteError
from prompts import catalogue

EXAMPLE = CHECKOUT / "sites" / "consulate"

FLOW = """\
start: language
operator: queue
change_language: language
silence_s: 5

nodes:
  language:
    kind: language
    text: language_option
    options: {1: ar, 2: fr}
    next: main
  main:
    kind: menu
    options:
      - {key: 1, text: main_file, next: queue}
      - {key: 2, text: main_travel, next: queue}
  queue:
    kind: queue
    topic: file
    next: goodbye
  goodbye:
    kind: end
    text: goodbye
"""
TEXTS = {
    *("language_option", "main_file", "main_travel", "goodbye", "help_silence", "help_wrong_key", "to_operator"),
    *("press_1", "press_2", "wait", "operator_gone"),
}


def flow_refusal(text: str) -> list[tuple[int, str]]:
    return refusal(lambda: model.parse(text, "flow.yaml", ("ar", "fr"), TEXTS), Path("flow.yaml"))


def test_the_example_flow_is_in_order() -> None:
    texts = set(catalogue.load(EXAMPLE).ids)
    flow = model.parse(model.read(EXAMPLE / "flow.yaml"), "flow.yaml", site.load(EXAMPLE).languages, texts)
    assert len(flow.version) == 12 and flow.texts <= texts


def test_the_small_flow_of_these_tests_is_in_order() -> None:
    flow = model.parse(FLOW, "flow.yaml", ("ar", "fr"), TEXTS)
    assert (flow.start, flow.operator, flow.silence_s, flow.texts) == ("language", "queue", 5, TEXTS)


FLOW_MISTAKES = [
    ("start: language", "start: begin", "start: begin", "start is 'begin', which is no node; name one of nodes"),
    ("operator: queue", "operator: nobody", "operator:", "operator is 'nobody', which is no node"),
    ("change_language: language\n", "", "start", "change_language: is missing; write it"),
    ("silence_s: 5", "silence_s: 90", "silence_s", "silence_s: .*less than or equal to 30, found 90"),
    ("silence_s: 5", "silence_s: .nan", "silence_s", "silence_s: "),
    ("silence_s: 5", "silence: 5", "silence:", "silence: is no name that may stand here; mend or delete it"),
    ("next: main", "next: mian", "language:\n    kind", "language leads to 'mian', which is no node; write that node"),
    ("topic: file", "topic: The File", "topic", "nodes.queue.*topic: .*found 'The File'"),
    ("topic: file", "topics: file", "topics", "topics: is no name that may stand here"),
    ("kind: queue", "kind: que", "queue:\n    kind", "nodes.queue: .*'que'.*'say', 'language', 'menu'"),
    ("kind: end", "text2: x", "goodbye:\n    text2", "nodes.goodbye: Unable to extract tag.*'kind'"),
    ("2: fr}", "2: nl}", "options: {1: ar, 2: nl}", "the language 'nl' is none of this site; it has ar, fr"),
    ("2: fr}", "1: fr}", "options: {1: ar, 1: fr}", "'1' stands twice; each name may stand once"),
    ("2: fr}", "12: fr}", "options: {1: ar, 12: fr}", "found '12'"),
    ("{key: 2, text: main_travel", "{key: 1, text: main_travel", "options:\n", "the key 1 stands twice in one menu"),
    ("{key: 2, text: main_travel", "{key: A, text: main_travel", "- {key: A", "key: .*found 'A'"),
    (
        "{key: 2, text: main_travel",
        "{key: 2, text: main_visa",
        "main:\n    kind: menu",
        "main says 'main_visa', which no catalogue has; write that text",
    ),
    ("{key: 2, text: main_travel", "{text: main_travel", "- {text", "key: is missing"),
    (
        "  goodbye:\n",
        "  other: {kind: end}\n  goodbye:\n",
        "other:",
        "no caller can reach other; lead to it or delete it",
    ),
    ("  goodbye:\n", "  Good Bye: {kind: end}\n  goodbye:\n", "Good Bye", "found 'Good Bye'"),
    ("  goodbye:\n", "  queue: {kind: end}\n  goodbye:\n", "queue: {kind", "'queue' stands twice"),
    ("nodes:\n", "nodes: [\n", "kind: language", "write it as YAML"),
    ("topic: file", "topic: \x01", "topic", "special characters are not allowed; write it as YAML"),
    ("topic: file", "topic: *file", "topic", "found undefined alias 'file'; write it as YAML"),
    (
        "topic: file",
        "topic: !!python/object:os.system x",
        "topic",
        "could not determine a constructor.*; write it as YAML",
    ),
]


@pytest.mark.parametrize(("old", "new", "where", "said"), FLOW_MISTAKES)
def test_a_mistake_in_the_flow_is_told(old: str, new: str, where: str, said: str) -> None:
    text = edited(FLOW, old, new)
    ((line, what),) = flow_refusal(text)
    assert line == line_of(text, where)
    assert re.search(said, what), what


def test_all_mistakes_of_the_flow_are_told_at_once() -> None:
    text = edited(FLOW, "silence_s: 5", "silence_s: 0")
    text = edited(text, "topic: file", "topic: 7\n    priority: 99")
    assert [line for line, _ in flow_refusal(text)] == [
        line_of(text, part) for part in ("silence_s", "topic", "priority")
    ]
    text = edited(FLOW, "next: goodbye", "next: nowhere")
    text = edited(text, "2: fr}", "2: nl}")
    text = edited(text, "text: main_file", "text: main_visa")
    assert len(flow_refusal(text)) == 3


@pytest.mark.parametrize("text", ["", "# nothing\n", "- start\n", "start\n", "null\n"])
def test_a_flow_that_holds_nothing_is_told(text: str) -> None:
    ((line, what),) = flow_refusal(text)
    assert line == 1 and "write start, operator, change_language and nodes" in what


def test_a_flow_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        model.read(tmp_path / "flow.yaml")
    (tmp_path / "flow.yaml").write_bytes(b"\xff")
    with pytest.raises(SiteError, match="must be a UTF-8 text file"):
        model.read(tmp_path / "flow.yaml")


def test_another_text_is_another_version() -> None:
    first, again = (model.parse(FLOW, "flow.yaml", ("ar", "fr")).version for _ in range(2))
    assert first == again != model.parse(FLOW + "\n# a word\n", "flow.yaml", ("ar", "fr")).version
