"""Place boxes in columns, from left to right, with short lines that rarely cross and never touch a box.

A layered layout after Sugiyama, Tagawa and Toda (1981), for boxes whose lines leave from their rows. Lines to the same
box run together. Lines to the left are not drawn: the drawing labels them with words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float]

_LINE_PX = 12.0
"""Height reserved for a line that passes through a column."""
_BETWEEN_PX = 26.0
_SWEEPS = 24


@dataclass(frozen=True, slots=True)
class Box:
    """A box to place. `height` is in pixels; `exits` are the targets of its lines, with their offsets from the top."""

    name: str
    height: float
    exits: Sequence[tuple[str, float]]


Exit = tuple[str, int]
"""A box, and the index of its exit."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The placed boxes and lines.

    `corners`: the upper left corner of each box; `lines`: from the right of one column to the left of the next, or
    across one; `used_by`: the exits whose line runs through each of them; `tips`: the arrowheads; `drawn`: all exits
    with a line.
    """

    corners: Mapping[str, Point]
    lines: Sequence[tuple[Point, Point]]
    used_by: Sequence[Sequence[Exit]]
    tips: Sequence[Point]
    drawn: frozenset[Exit]
    size: Point


@dataclass(slots=True)
class _Item:
    """A box in its column, or a line that passes through a column."""

    name: str
    column: int
    height: float
    box: bool
    before: list[tuple["_Item", float]] = field(default_factory=list)  # with the offset of their exit
    after: list[tuple["_Item", float]] = field(default_factory=list)  # with the offset of our exit
    exits: list[list[Exit]] = field(default_factory=list)  # that use each line to `after`
    top: float = 0.0

    def enters(self, entry: float) -> float:
        return entry if self.box else self.height / 2


def place(boxes: Sequence[Box], roots: Iterable[str], *, width: float, gap: float, entry: float) -> Layout:
    """Place the boxes.

    Args:
        roots: The first nodes of paths; the first root is in the first column.
        entry: The offset of arriving lines from a box's top.
    """
    columns, drawn = _columns(boxes, roots)
    table = _items(boxes, columns, drawn)
    _order(table)
    _settle(table, entry)
    highest = min((item.top for column in table for item in column), default=0.0)
    for column in table:
        for item in column:
            item.top -= highest
    return _to_layout(table, drawn, width, gap, entry)


def _columns(boxes: Sequence[Box], roots: Iterable[str]) -> tuple[dict[str, int], frozenset[Exit]]:
    """Return the column of each box, and the exits that lead to the right.

    A box's column follows from the first path that reaches it; a box without exits is to the right of all its sources.
    """
    exits = {box.name: [target for target, _ in box.exits] for box in boxes}
    columns: dict[str, int] = {}

    def visit(name: str, column: int) -> None:
        todo = [(name, column)]
        while todo:
            name, column = todo.pop()
            if name in exits and name not in columns:
                columns[name] = column
                todo += [(target, column + 1) for target in reversed(exits[name])]

    for number, root in enumerate((*roots, *exits)):
        visit(root, min(number, 1))
    for name in exits:
        sources = [columns[box.name] for box in boxes if name in exits[box.name]]
        if not exits[name] and sources:
            columns[name] = max(sources) + 1
    used = {column: number for number, column in enumerate(sorted({*columns.values()}))}
    columns = {name: used[column] for name, column in columns.items()}
    drawn = frozenset(
        (box.name, number)
        for box in boxes
        for number, (target, _) in enumerate(box.exits)
        if target in columns and columns[target] > columns[box.name]
    )
    return columns, drawn


def _items(boxes: Sequence[Box], columns: Mapping[str, int], drawn: frozenset[Exit]) -> list[list[_Item]]:
    items = {(box.name, columns[box.name]): _Item(box.name, columns[box.name], box.height, True) for box in boxes}
    for box in sorted(boxes, key=lambda box: columns[box.name]):
        for number, (target, height) in enumerate(box.exits):
            if (box.name, number) not in drawn:
                continue
            item, leaves = items[box.name, columns[box.name]], height
            for column in range(columns[box.name] + 1, columns[target] + 1):
                following = items.setdefault((target, column), _Item(target, column, _LINE_PX, False))
                if (following, leaves) not in item.after:
                    item.after.append((following, leaves))
                    item.exits.append([])
                    following.before.append((item, leaves))
                item.exits[item.after.index((following, leaves))].append((box.name, number))
                item, leaves = following, _LINE_PX / 2
    table: list[list[_Item]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for item in items.values():
        table[item.column].append(item)
    return table


def _order(table: list[list[_Item]]) -> None:
    """Sort each column by the mean position of its sources and, alternately, its targets, to minimise crossings."""
    best, fewest = [list(column) for column in table], _crossings(table)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for column in table if forward else reversed(table):
            rank = {id(item): place for other in table for place, item in enumerate(other)}

            def mean(item: _Item, rank: dict[int, int] = rank, forward: bool = forward) -> float:
                if forward:
                    places = [rank[id(source)] + at / (source.height + 1) for source, at in item.before]
                else:
                    places = [rank[id(target)] + at / (item.height + 1) * 1e-3 for target, at in item.after]
                return sum(places) / len(places) if places else float(rank[id(item)])

            column.sort(key=mean)
        if (crossing := _crossings(table)) < fewest:
            best, fewest = [list(column) for column in table], crossing
    table[:] = best


def _crossings(table: Sequence[Sequence[_Item]]) -> int:
    count = 0
    for column, following in pairwise(table):
        rank = {id(item): place for place, item in enumerate(following)}
        ends = [((place, at), rank[id(target)]) for place, item in enumerate(column) for target, at in item.after]
        count += sum(
            (start < other) != (end < to) and start != other and end != to
            for number, (start, end) in enumerate(ends)
            for other, to in ends[:number]
        )
    return count


def _settle(table: list[list[_Item]], entry: float) -> None:
    """Set the vertical positions: each item as near to its connections as the others in its column allow."""
    for column in table:
        top = 0.0
        for item in column:
            item.top = top
            top += item.height + _BETWEEN_PX
    for sweep in range(2 * _SWEEPS):
        for column in table if sweep % 2 == 0 else reversed(table):
            wanted = [_wanted(item, entry) for item in column]
            for item, top in zip(column, _apart(column, wanted), strict=True):
                item.top = top


def _wanted(item: _Item, entry: float) -> float:
    own = item.enters(entry)
    tops = [source.top + at - own for source, at in item.before]
    tops += [target.top + target.enters(entry) - at for target, at in item.after]
    return sum(tops) / len(tops) if tops else item.top


def _apart(column: Sequence[_Item], wanted: Sequence[float]) -> list[float]:
    """Return the tops nearest to the wanted ones that keep boxes apart (least squares, pool adjacent violators)."""
    offsets = [0.0]
    for one, other in pairwise(column):
        offsets.append(offsets[-1] + one.height + (_BETWEEN_PX if one.box or other.box else _LINE_PX / 2))
    pools: list[tuple[float, int]] = []  # mean and number of items in contact
    for top, offset in zip(wanted, offsets, strict=True):
        mean, number = top - offset, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, number = (before * many + mean * number) / (many + number), many + number
        pools.append((mean, number))
    return [mean + offset for mean, offset in zip((m for m, n in pools for _ in range(n)), offsets, strict=True)]


def _to_layout(
    table: Sequence[Sequence[_Item]], drawn: frozenset[Exit], width: float, gap: float, entry: float
) -> Layout:
    corners: dict[str, Point] = {}
    lines: list[tuple[Point, Point]] = []
    used_by: list[Sequence[Exit]] = []
    tips: list[Point] = []
    for number, column in enumerate(table):
        left = number * (width + gap)
        for item in column:
            if item.box:
                corners[item.name] = left, item.top
            else:
                lines.append(((left, item.top + item.height / 2), (left + width, item.top + item.height / 2)))
                used_by.append([exit_ for exits in item.exits for exit_ in exits])
            if item.box and item.before:
                tips.append((left, item.top + entry))
            for (following, leaves), exits in zip(item.after, item.exits, strict=True):
                end = left + width + gap, following.top + following.enters(entry)
                lines.append(((left + width, item.top + leaves), end))
                used_by.append(exits)
    bottom = max((item.top + item.height for column in table for item in column), default=0.0)
    size = max(len(table) * (width + gap) - gap, 0.0), bottom
    return Layout(corners, lines, used_by, tips, drawn, size)
