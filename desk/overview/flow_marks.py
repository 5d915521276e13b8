"""Callers in the flow's picture: numbers and thickness on the lines, and where callers gave up. Pure."""

from collections.abc import Callable, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from desk.overview.flow_counts import FlowCounts, NodeCounts
from picture import svg

_SVG = "{http://www.w3.org/2000/svg}"
_TAKEN, _LEFT, _HERE = "#2257a8", "#b3261e", "#2e6b34"
_THIN, _THICK = 1.2, 11.0
"""The width of a line that nobody took, and of one that all callers took."""
_SIZE, _HIGH = 11.0, 15.0
_ROOM = 56.0
"""Between two columns of nodes."""

Words = Callable[[str, NodeCounts], str]
"""Returns the tooltip of a mark: its kind (`reached`, `gave_up`, `here`), and whose it is."""


def mark(picture: str, counts: FlowCounts, words: Words) -> str:
    """Return the picture of a flow with its callers. Raises ParseError if it is not one."""
    ElementTree.register_namespace("", _SVG.strip("{}"))
    root = ElementTree.fromstring(picture)  # noqa: S314 - drawn by our own controller
    nodes = counts.by_name
    for line in root.iter(f"{_SVG}path"):
        _thicken(line, counts)
    for group in list(root.iter(f"{_SVG}g")):
        name = group.get("id", "").removeprefix("node-")
        box = group.find(f"{_SVG}rect")
        if group.get("id", "").startswith("node-") and box is not None and name in nodes:
            _mark_node(group, box, nodes[name], counts, words)
    return ElementTree.tostring(root, encoding="unicode")


def _thicken(line: Element, counts: FlowCounts) -> None:
    ways = [way.partition(">") for way in line.get("data-ways", "").split()]
    callers = sum(counts.ways.get((source, target), 0) for source, _, target in ways)
    if ways and callers:
        share = min(1.0, callers / max(1, counts.calls))
        line.set("stroke-width", f"{_THIN + (_THICK - _THIN) * share:.1f}")
        line.set("stroke", _TAKEN)
        line.set("stroke-opacity", "0.55")


def _mark_node(group: Element, box: Element, node: NodeCounts, counts: FlowCounts, words: Words) -> None:
    x, y, width, height = (float(box.get(name, "0")) for name in ("x", "y", "width", "height"))
    group.set("data-reached", str(node.reached))
    group.set("data-gave-up", str(node.gave_up))
    for target, ends in _ends(group).items():
        if number := counts.ways.get((node.name, target), 0):
            middle = float(ends[0].get("cy", 0)) or float(ends[0].get("y", 0)) - 4
            keys = _keys(ends)
            shown = f"{keys}: {number}" if keys else str(number)
            left = x + width + min(6, _ROOM - _wide(shown))  # else the next node would cover its end
            pill = _pill(group, left, middle, shown, _TAKEN)
            pill.set("data-way", f"{node.name}>{target}")
            _tooltip(pill, f"{node.name} {keys} → {target}: {number}" if keys else f"{node.name} → {target}: {number}")
    if node.reached:
        reached = _pill(group, x + width - 8, y - 4, str(node.reached), "#ffffff", _TAKEN, from_right=True)
        _tooltip(reached, words("reached", node))
    if node.gave_up:
        _tooltip(_pill(group, x + width - 8, y + height, f"✕ {node.gave_up}", _LEFT, from_right=True),
                 words("gave_up", node))  # fmt: skip
    if node.here:
        _tooltip(_pill(group, x + 8, y + height, f"● {node.here}", _HERE), words("here", node))


def _ends(group: Element) -> dict[str, list[Element]]:
    """Return the ends of a node's rows by the node that they lead to: several rows to the same node are one way."""
    found: dict[str, list[Element]] = {}
    for end in group.iter():
        if (target := end.get("data-to")) is not None:
            found.setdefault(target, []).append(end)
    return found


def _keys(ends: Sequence[Element]) -> str:
    """Return the keys of rows that share a number, so that nobody reads it as the first one's; a row without a key
    is an ellipsis. Empty for a single row."""
    if len(ends) == 1:
        return ""
    keys = [key for end in ends if (key := end.get("data-key"))]
    return ", ".join([*keys, "…"] if len(keys) < len(ends) else keys)


def _pill(
    parent: Element,
    left: float,
    middle: float,
    words: str,
    colour: str,
    ink: str = "#ffffff",
    *,
    from_right: bool = False,
) -> Element:
    """Draw a number in a field; `from_right`: `left` is its right side."""
    width = _wide(words)
    left -= width if from_right else 0
    pill = svg.group(parent, class_="mark")
    svg.rectangle(pill, (left, middle - _HIGH / 2), (width, _HIGH), radius=_HIGH / 2, fill=colour,
                  stroke=ink if ink != "#ffffff" else colour, stroke_width="1")  # fmt: skip
    svg.text(pill, (left + width / 2, middle + 4), words, size=_SIZE, fill=ink, text_anchor="middle",
             font_weight="bold")  # fmt: skip
    return pill


def _wide(words: str) -> float:
    return svg.width(words, _SIZE) + 10


def _tooltip(pill: Element, words: str) -> None:
    title = Element("title")
    title.text = svg.printable(words)
    pill.insert(0, title)
