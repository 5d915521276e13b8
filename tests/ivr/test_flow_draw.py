"""The picture of a flow shows each node and key with its target; it is valid, and nothing covers anything else."""

import re
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
import small_flow
from hypothesis import given
from hypothesis import strategies as st
from properties import patient
from site_files import edited

from cli.main import main
from ivr.flow import model
from ivr.flow.draw.draw import draw_flow
from ivr.flow.draw.layout import Box, Layout, place
from ivr.flow.file import Flow, read_draft
from ivr.flow.nodes.menu import Menu
from ivr.home.settings import CHECKOUT
from picture import svg
from prompts import catalogue

EXAMPLE = CHECKOUT / "sites" / "consulate"
PICTURE = CHECKOUT / "docs" / "flow.svg"
SVG = "{http://www.w3.org/2000/svg}"

FLOW = """\
start: language
operator: office
change_language: language
nodes:
  language: {kind: language, text: language_option, options: {2: ar, 3: en}, remembered: go_on, next: welcome}
  welcome: {kind: say, text: welcome, next: main}
  main:
    kind: menu
    after_help: goodbye
    options:
      - {key: 1, text: main_card, next: card}
      - {key: 2, text: main_papers, next: papers}
      - {key: 3, text: main_message, next: message}
      - {key: 4, text: main_back, next: ring}
      - {key: 5, text: main_file, next: file}
      - {key: 0, text: main_operator, next: office}
  card: {kind: ask, text: card_number, name: card, least: 4, most: 7, next: papers, back: main}
  papers: {kind: guide, procedures: [visa, passport], topic: travel, back: main}
  message: {kind: record, file: complaint, category: complaint, longest_s: 90, due_h: 24, next: goodbye, back: main}
  ring: {kind: callback, next: goodbye, back: main}
  file: {kind: case, topic: file, back: main}
  office: {kind: hours, open: queue, closed: main, text: closed, holiday: feast, forced: forced}
  queue: {kind: queue, consent: consent_question, priority: 2, next: survey}
  survey: {kind: survey, text: survey_question, next: goodbye}
  goodbye: {kind: end, text: goodbye}
"""
CONSULATE = "  duty: {kind: consulate, what: duty, guide: papers, next: goodbye, back: main}\n"


def flow_of(text: str) -> Flow:
    written = read_draft(text, "flow.yaml")
    assert written.faults == ()
    return written.flow


def words(language: str, text: str) -> str:
    return f"{text} ({language})"


def texts_of(picture: str | Element) -> list[str]:
    """Return all words as they are read, row by row."""
    tree = ElementTree.fromstring(picture) if isinstance(picture, str) else picture
    found = []
    for item in tree.iter(f"{SVG}text"):
        hint = item.find(f"{SVG}title")
        found.append((hint.tail if hint is not None else item.text) or "")
    return found


def node(picture: str, name: str) -> list[str]:
    """Return the content of a node's box."""
    box = ElementTree.fromstring(picture).find(f".//{SVG}g[@id='node-{name}']")
    assert box is not None
    return texts_of(box)


def test_every_node_is_drawn_with_its_kind_texts_and_keys() -> None:
    picture = draw_flow(flow_of(FLOW), "en", words, "small")
    assert node(picture, "welcome") == ["welcome", "say", "“welcome (en)”", "then"]
    assert node(picture, "main")[2:] == [
        *("1", "main_card (en)", "2", "main_papers (en)", "3", "main_message (en)", "4", "main_back (en)"),
        *("5", "main_file (en)", "0", "main_operator (en)", "no key"),
    ]
    assert node(picture, "card")[2:] == ["“card_number (en)”", "#", "4 to 7 digits: card", "*", "↩ main", "back"]
    papers = ["topic: travel", "1", "guide_visa_title (en)", "2", "guide_passport_title (en)", "*", "↩ main", "back"]
    assert node(picture, "papers")[2:] == papers
    assert "at most 90 s, hear, again, send" in node(picture, "message")
    assert "becomes a case: complaint, due in 24 h" in node(picture, "message")
    assert "callback_other_number (en)" in node(picture, "ring")
    assert {"reference, 9 digits", "PIN, 6 digits"} < set(node(picture, "file"))
    assert node(picture, "office")[:5] == ["office", "0", "hours", "open", "↩ main"]
    assert {"“closed (en)”", "“feast (en)”", "“forced (en)”", "↩ main"} < set(node(picture, "office"))
    assert {"priority +2", "“consent_question (en)”", "after the conversation"} < set(node(picture, "queue"))
    assert node(picture, "survey")[2:] == ["“survey_question (en)”", "1-5", "stored"]
    assert node(picture, "goodbye") == ["goodbye", "end", "“goodbye (en)”"]


def test_a_language_menu_shows_each_option_in_its_own_language() -> None:
    rows = node(draw_flow(flow_of(FLOW), "en", words, "small"), "language")
    assert rows[:3] == ["language", "9", "language"]
    for key, text in (("1", "go_on (en)"), ("2", "language_option (ar)"), ("3", "language_option (en)")):
        assert rows[rows.index(key) + 1] == text


def test_the_start_is_marked_and_jumps_without_lines_are_listed_below() -> None:
    picture = draw_flow(flow_of(FLOW), "en", words, "small")
    assert texts_of(picture)[0] == "small"
    assert "start" in texts_of(picture)
    legend = " ".join(texts_of(picture)[-4:])
    assert "0 asks for an operator (office), 9 changes the language (language), # repeats, * goes back" in legend
    assert "help once, then get an operator (office), or follow the row “no key”" in legend
    assert "In record, callback and survey both continue to the next node instead; in language, silence does." in legend
    assert "↩ and a name" in legend


@pytest.mark.parametrize(
    "nasty", ["<script>alert(1)</script>", "&amp; \" ' ]]>", "a\x00\x07\x1b[31m\u202eb", "\ud800x"]
)
def test_markup_in_texts_is_escaped(nasty: str) -> None:
    picture = draw_flow(flow_of(FLOW), "en", lambda _, text: nasty if text == "goodbye" else text, nasty)
    tree = ElementTree.fromstring(picture.encode())
    assert {item.tag.removeprefix(SVG) for item in tree.iter()} <= {
        "svg",
        "g",
        "rect",
        "circle",
        "path",
        "text",
        "title",
    }
    plain = svg.printable(nasty)
    assert texts_of(tree)[0] == plain and "“" + " ".join(plain.split()) + "”" in node(picture, "goodbye")
    assert all(item.isprintable() or item == "\n" for item in picture)


def test_only_arabic_is_set_from_right_to_left() -> None:
    picture = ElementTree.fromstring(draw_flow(flow_of(FLOW), "ar", words, "small"))
    for item in picture.iter(f"{SVG}text"):
        hint = item.find(f"{SVG}title")
        text = (item.text if hint is None else hint.tail) or ""
        arabic = text.startswith("“") or re.search("[\u0600-\u06ff]", text) or "(ar)" in text
        assert (item.get("direction") == "rtl") == bool(arabic), text


def test_long_texts_are_cut_at_a_word_and_shown_whole_in_a_tooltip() -> None:
    long = "For the very long and winding description of an option that nobody would ever want to hear,"
    picture = draw_flow(flow_of(FLOW), "en", lambda _, text: long if text == "main_card" else text, "small")
    tree = ElementTree.fromstring(picture)
    (hint,) = [item for item in tree.iter(f"{SVG}title") if item.text == long]
    assert hint.tail is not None and hint.tail.endswith("…")
    assert f"{long} ".startswith(f"{hint.tail[:-1]} ")
    assert svg.lines("word " * 50, 12, 100, 2)[1].endswith("word…")
    assert len(svg.lines("word " * 50, 12, 100, 2)) == 2
    (cut,) = svg.lines("W" * 500, 12, 100, 2)
    assert cut.endswith("…") and svg.width(cut, 12) <= 100


def test_an_invalid_flow_is_drawn_as_far_as_possible() -> None:
    text = edited(small_flow.FLOW, "next: main\n", "next: mian\n")
    text = edited(text, "topic: file", "topic: 7")
    text = edited(text, "operator: queue", "operator: nobody")
    picture = draw_flow(read_draft(text, "flow.yaml").flow, "fr", words, "wrong")
    assert "pas d’étape mian" in node(picture, "language")
    assert node(picture, "main").count("pas d’étape queue") == 2
    assert "node-queue" not in picture


def test_the_picture_has_its_own_background() -> None:
    tree = ElementTree.fromstring(draw_flow(flow_of(FLOW), "en", words, "small"))
    ground = tree.find(f"{SVG}rect")
    assert ground is not None
    assert [ground.get(item) for item in ("x", "y", "width", "height")] == [
        "0",
        "0",
        tree.get("width"),
        tree.get("height"),
    ]
    assert ground.get("fill", "").startswith("#")


# Layout

WIDTH, GAP, ENTRY = 100.0, 40.0, 10.0


def placed(boxes: list[Box], *roots: str) -> Layout:
    return place(boxes, roots, width=WIDTH, gap=GAP, entry=ENTRY)


@st.composite
def graphs(draw: st.DrawFn) -> list[Box]:
    count = draw(st.integers(1, 14))
    names = [f"n{number}" for number in range(count)]
    boxes = []
    for name in names:
        targets = draw(st.lists(st.sampled_from([*names, "nowhere"]), max_size=6))
        exits = [(target, 30.0 + 18 * row) for row, target in enumerate(targets)]
        boxes.append(Box(name, 40.0 + 18 * len(targets), exits))
    return boxes


@patient
@given(graphs())
def test_no_box_covers_another_and_no_line_crosses_a_box(boxes: list[Box]) -> None:
    result = placed(boxes, "n0")
    heights = {box.name: box.height for box in boxes}
    assert result.corners.keys() == heights.keys()
    for one, other in combinations(heights, 2):
        (x, y), (to_x, to_y) = result.corners[one], result.corners[other]
        assert abs(x - to_x) >= WIDTH + GAP or y + heights[one] < to_y or to_y + heights[other] < y
    for (x, y), (to_x, to_y) in result.lines:
        assert x < to_x
        if (x % (WIDTH + GAP)) == 0:  # horizontal through a column
            assert y == to_y
            for name, (left, top) in result.corners.items():
                assert left != x or not top < y < top + heights[name], name
        else:  # between two columns, where there are no boxes
            assert (x % (WIDTH + GAP), to_x % (WIDTH + GAP)) == (WIDTH, 0)
    width, height = result.size
    for name, (x, y) in result.corners.items():
        assert 0 <= x <= width - WIDTH and -0.01 <= y <= height - heights[name] + 0.01


@patient
@given(graphs())
def test_a_line_leads_from_each_row_to_its_target_if_that_is_further_right(boxes: list[Box]) -> None:
    result = placed(boxes, "n0")
    for box in boxes:
        x, y = result.corners[box.name]
        for number, (target, height) in enumerate(box.exits):
            right = target in result.corners and result.corners[target][0] > x
            assert ((box.name, number) in result.drawn) == right
            if right:
                to_x, to_y = result.corners[target]
                reached, point = (x + WIDTH, y + height), (to_x, to_y + ENTRY)
                assert point in _followed(result, reached), (box.name, target)


def _followed(result: Layout, start: tuple[float, float]) -> set[tuple[float, float]]:
    """Return where the lines lead that begin at a point."""
    found, todo = {start}, [start]
    while todo:
        point = todo.pop()
        for begin, end in result.lines:
            if begin == point and end not in found:
                found.add(end)
                todo.append(end)
    return found


def test_boxes_in_a_row_are_level_and_backward_jumps_have_no_line() -> None:
    boxes = [Box("a", 50, [("b", ENTRY)]), Box("b", 50, [("c", ENTRY), ("a", 30)]), Box("c", 50, [("c", 30)])]
    result = placed(boxes, "a")
    assert result.corners == {"a": (0, 0), "b": (140, 0), "c": (280, 0)}
    assert result.drawn == {("a", 0), ("b", 0)}
    assert len(result.lines) == len(result.tips) == 2


def test_avoidable_crossings_are_avoided() -> None:
    boxes = [
        Box("a", 60, [("b", 20), ("c", 40)]),
        Box("b", 60, [("f", 20), ("g", 40)]),
        Box("c", 60, [("d", 20), ("e", 40)]),
        *(Box(name, 60, []) for name in "defg"),
    ]
    result = placed(boxes, "a")
    tops = {name: y for name, (_, y) in result.corners.items()}
    assert tops["b"] < tops["c"] and tops["f"] < tops["g"] < tops["d"] < tops["e"]


# The command, and the example


def hatif(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> int:
    monkeypatch.setenv("HATIF_HOME", str(home))
    monkeypatch.setenv("HATIF_SITE", str(EXAMPLE))
    monkeypatch.setattr(sys, "argv", ["hatif", "flow", "draw", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_picture_in_the_docs_shows_the_current_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hatif(monkeypatch, tmp_path, "--out", "-") == 0
    today = capsys.readouterr().out
    assert today == PICTURE.read_text(encoding="utf-8"), "run: .venv/bin/hatif flow draw --out docs/flow.svg"


@pytest.mark.parametrize("language", ["ar", "nl", "en"])
def test_the_picture_shows_all_of_the_example(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hatif(monkeypatch, tmp_path, "--language", language, "--out", str(tmp_path / "flow.svg")) == 0
    flow = read_draft(model.read(EXAMPLE / "flow.yaml"), "flow.yaml").flow
    assert capsys.readouterr().out == f"{tmp_path}/flow.svg: {len(flow.nodes)} nodes, texts in {language}.\n"
    picture, texts = (tmp_path / "flow.svg").read_text(encoding="utf-8"), catalogue.load(EXAMPLE)
    for name, item in flow.nodes.items():
        shown = node(picture, name)
        assert name in shown and item.kind in shown
        if isinstance(item, Menu):
            for option in item.options:
                shown_text = shown[shown.index(option.key) :]
                text = svg.printable(texts.text(language, option.text) or "")
                row = next(word for word in shown_text[1:] if not word.startswith("↩"))
                assert text.startswith(row.removesuffix("…")) and len(row) > 5


def test_a_picture_that_cannot_be_drawn_gives_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hatif(monkeypatch, tmp_path, "--language", "xx") == 1
    assert re.fullmatch(r"hatif: There are no texts in 'xx'; the languages are ar, .*\.\n", capsys.readouterr().err)
    assert hatif(monkeypatch, tmp_path, "--out", str(tmp_path / "no" / "flow.svg")) == 1
    shown_text = f"hatif: {tmp_path}/no/flow.svg: No such file or directory; name another file with --out.\n"
    assert capsys.readouterr().err == shown_text


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_the_picture_of_a_language_of_the_desk_has_no_english_words_of_its_own(language: str) -> None:
    flow = flow_of(FLOW + CONSULATE)
    english = set(texts_of(draw_flow(flow, "en", lambda *_: "spoken", "small")))
    known = {"“spoken”", "spoken", "small"}
    shared = english & set(texts_of(draw_flow(flow, language, lambda *_: "spoken", "small"))) - known
    names = {*flow.nodes, *(node.kind for node in flow.nodes.values())}
    left = {text for text in shared if text.removeprefix("↩ ") not in names and re.search("[a-z]", text)}
    assert left == set()
