"""The paths of callers through a flow end well, or its check says where they do not."""

import pytest
from site_files import edited, line_of
from small_flow import FLOW, GUIDE, findings

from ivr.flow import model, paths

# The paths of callers: what is added before the last node, what is changed, and the findings (code, line, message).
WAYS = [
    (
        "  spin: {kind: say, text: wait, next: turn}\n  turn: {kind: say, text: wait, next: spin}\n",
        ("next: main", "next: spin"),
        [
            ("E_FLOW_UNREACHABLE", "main:\n", "no caller can reach main"),
            ("E_FLOW_NO_END", "spin:", "from spin, neither an end nor an operator can be reached; lead one"),
            ("E_FLOW_NO_END", "turn:", "from turn, neither an end nor an operator can be reached"),
        ],
    ),
    (
        "  more: {kind: menu, after_help: main, options: [{key: 1, text: wait, next: goodbye}]}\n",
        ("main_travel, next: queue}", "main_travel, next: more}\n    after_help: more"),
        [("E_FLOW_SILENT_LOOP", "main:\n", "goes round in circles: main, more, main; lead one of them to an end")],
    ),
    (
        "  shut: {kind: hours, open: queue, closed: main}\n",
        ("operator: queue", "operator: shut"),
        [("E_FLOW_SILENT_LOOP", "main:\n", "goes round in circles: main, shut, main")],
    ),
    (
        "  one: {kind: ask, text: wait, name: card, next: two, back: two}\n  two: {kind: case, back: main}\n",
        ("main_file, next: queue}", "main_file, next: one}"),
        [
            (
                "E_FLOW_OPERATOR_FAR",
                "one:",
                "an operator is 4 keys away from one; at most 3 are allowed: lead back to a menu",
            )
        ],
    ),
    (
        "  ask: {kind: ask, text: wait, name: card, next: goodbye, back: ask}\n",
        ("main_file, next: queue}", "main_file, next: ask}"),
        [("E_FLOW_OPERATOR_FAR", "ask:", "an operator cannot be reached by keys from ask")],
    ),
    (
        "",
        ("operator: queue", "operator: goodbye"),
        [("E_FLOW_OPERATOR_FAR", "operator:", "from goodbye, where 0 leads, no operator can be reached; make it a")],
    ),
    (
        "",
        ("{key: 1, text: main_file", "{key: 0, text: main_file"),
        [],
    ),
    (
        "",
        ("{key: 1, text: main_file, next: queue}", "{key: 0, text: main_file, next: goodbye}"),
        [("W_FLOW_KEY_MEANING", "{key: 0", "main: the key 0, which asks for an operator everywhere else; give")],
    ),
    (
        "",
        ("{key: 1, text: main_file, next: queue}", "{key: 9, text: main_file, next: queue}"),
        [("W_FLOW_KEY_MEANING", "{key: 9", "main: the key 9, which changes the language everywhere else; give")],
    ),
    (
        "",
        ("2: fr}", "0: fr}"),
        [("W_FLOW_KEY_MEANING", "options: {1: ar, 0", "language: the key 0, which asks for an operator")],
    ),
    (
        "  shut: {kind: hours, open: main, closed: night}\n"
        "  night: {kind: menu, options: [{key: 2, text: wait, next: goodbye}]}\n",
        ("next: main", "next: shut"),
        [
            (
                "W_FLOW_KEY_DIFFERS",
                "  night:",
                "the key 2 means goodbye in night, and queue in main; callers press keys",
            ),
        ],
    ),
    (
        "  paper: {kind: guide, procedures: [visa, pass], back: main}\n",
        ("main_file, next: queue}", "main_file, next: paper}"),
        [("E_FLOW_PROCEDURE", "paper:", "paper: the guide has no procedure 'pass'; write guide/pass.yaml")],
    ),
]


def test_a_recording_ends_before_its_caller_goes_anywhere() -> None:
    record = "  voice: {kind: record, text: wait, file: message, category: message, next: goodbye, back: goodbye}\n"
    text = edited(
        edited(FLOW, "main_file, next: queue}", "main_file, next: voice}"), "  goodbye:\n", f"{record}  goodbye:\n"
    )
    assert paths.keys_to_operator(model.parse(text, "flow.yaml", ("ar", "fr")))["voice"] == 2


@pytest.mark.parametrize(("more", "edit", "expected"), WAYS)
def test_paths_that_do_not_end_well_are_reported(
    more: str, edit: tuple[str, str], expected: list[tuple[str, str, str]]
) -> None:
    text = edited(edited(FLOW, *edit), "  goodbye:\n    kind", f"{more}  goodbye:\n    kind")
    found = [item for item in findings(text, procedures=GUIDE) if item.code != "W_GUIDE_UNUSED"]
    assert [(item.code, item.line) for item in found] == [(code, line_of(text, where)) for code, where, _ in expected]
    for item, (_, _, sentence) in zip(found, expected, strict=True):
        assert sentence in f"{item.found}; {item.remedy}".replace(", does something else here", "")


def test_the_offers_of_a_queue_have_the_keys_of_the_closed_lines_menu() -> None:
    more = """\
  shut: {kind: hours, open: main, closed: hello}
  hello: {kind: say, text: wait, next: night}
  night: {kind: menu, options: [{key: 3, text: wait, next: call}]}
  call: {kind: callback, next: goodbye, back: night}
  other: {kind: callback, next: goodbye, back: queue}
"""
    text = edited(edited(FLOW, "next: main", "next: shut"), "  goodbye:\n    kind", f"{more}  goodbye:\n    kind")
    differs = edited(text, "    topic: file\n", "    offers: [{key: 7, text: wait, next: other}]\n")
    (found,) = findings(differs)
    assert (found.code, found.line) == ("W_FLOW_KEY_DIFFERS", line_of(differs, "offers:"))
    assert found.found == "a call-back has the key 7 in queue, and 3 in night"
    assert findings(differs.replace("key: 7", "key: 3")) == []
