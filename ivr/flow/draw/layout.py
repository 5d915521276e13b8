"""Places boxes in columns, from left to right, so that lines between them are short, cross seldom and meet no box.

A layered layout as Sugiyama, Tagawa and Toda described it in 1981, for boxes whose lines leave from rows of theirs.
Lines to one box run together. What would lead to the left is no line: whoever draws says it in words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float]

_LINE_PX = 12.0
"""Height of the place that is kept free for a line on its way past a column."""
_BETWEEN_PX = 26.0
_SWEEPS = 24


@dataclass(frozen=True, slots=True)
class Box:
    """`height` in pixels; `exits`: the boxes that lines lead to, each with where it leaves, in pixels from the top."""

    name: str
    height: float
    exits: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Placed:
    """The upper left corner of each box; lines as points, from the right of one column to the left of the next one or
    across one; the arrows' tips; and all that leads to the right, as (box, place among its exits)."""

    corners: Mapping[str, Point]
    lines: Sequence[tuple[Point, Point]]
    tips: Sequence[Point]
    drawn: frozenset[tuple[str, int]]
    size: Point


@dataclass(slots=True)
class _Item:
    """A box in its column, or a line on its way to one."""

    name: str
    column: int
    height: float
    box: bool
    before: list[tuple["_Item", float]] = field(default_factory=list)  # with where their line leaves them
    after: list[tuple["_Item", float]] = field(default_factory=list)  # with where our line leaves
    top: float = 0.0

    def enters(self, entry: float) -> float:
        return entry if self.box else self.height / 2


def place(boxes: Sequence[Box], roots: Iterable[str], *, width: float, gap: float, entry: float) -> Placed:
    """`roots`: where ways begin, the first in the first column. `entry`: where lines come in, from a box's top."""
    columns, drawn = _columns(boxes, roots)
    table = _items(boxes, columns, drawn)
    _order(table)
    _settle(table, entry)
    highest = min((item.top for column in table for item in column), default=0.0)
    for column in table:
        for item in column:
            item.top -= highest
    return _placed(table, drawn, width, gap, entry)


def _columns(boxes: Sequence[Box], roots: Iterable[str]) -> tuple[dict[str, int], frozenset[tuple[str, int]]]:
    """The column of each box, by the way on which it is found first; one that leads nowhere is right of all that lead
    to it. And the exits that lead to the right."""
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


def _items(boxes: Sequence[Box], columns: Mapping[str, int], drawn: frozenset[tuple[str, int]]) -> list[list[_Item]]:
    items = {(box.name, columns[box.name]): _Item(box.name, columns[box.name], box.height, True) for box in boxes}
    for box in sorted(boxes, key=lambda each: columns[each.name]):
        for number, (target, height) in enumerate(box.exits):
            if (box.name, number) not in drawn:
                continue
            item, leaves = items[box.name, columns[box.name]], height
            for column in range(columns[box.name] + 1, columns[target] + 1):
                following = items.setdefault((target, column), _Item(target, column, _LINE_PX, False))
                if (following, leaves) not in item.after:
                    item.after.append((following, leaves))
                    following.before.append((item, leaves))
                item, leaves = following, _LINE_PX / 2
    table: list[list[_Item]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for item in items.values():
        table[item.column].append(item)
    return table


def _order(table: list[list[_Item]]) -> None:
    """Within each column by the mean place of what leads there, then of where it leads, while fewer lines cross."""
    best, fewest = [list(column) for column in table], _crossings(table)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for column in table if forward else reversed(table):
            rank = {id(each): place for other in table for place, each in enumerate(other)}

            def mean(item: _Item, rank: dict[int, int] = rank, forward: bool = forward) -> float:
                if forward:
                    places = [rank[id(each)] + at / (each.height + 1) for each, at in item.before]
                else:
                    places = [rank[id(each)] + at / (item.height + 1) * 1e-3 for each, at in item.after]
                return sum(places) / len(places) if places else float(rank[id(item)])

            column.sort(key=mean)
        if (crossing := _crossings(table)) < fewest:
            best, fewest = [list(column) for column in table], crossing
    table[:] = best


def _crossings(table: Sequence[Sequence[_Item]]) -> int:
    count = 0
    for column, following in pairwise(table):
        rank = {id(each): place for place, each in enumerate(following)}
        ends = [((place, at), rank[id(target)]) for place, item in enumerate(column) for target, at in item.after]
        count += sum(
            (start < other) != (end < to) and start != other and end != to
            for number, (start, end) in enumerate(ends)
            for other, to in ends[:number]
        )
    return count


def _settle(table: list[list[_Item]], entry: float) -> None:
    """Heights: everything as near to what it is connected with as the others of its column allow."""
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
    tops = [each.top + at - own for each, at in item.before]
    tops += [each.top + each.enters(entry) - at for each, at in item.after]
    return sum(tops) / len(tops) if tops else item.top


def _apart(column: Sequence[_Item], wanted: Sequence[float]) -> list[float]:
    """The tops that are nearest to the wanted ones and keep boxes apart (least squares: adjacent violators pooled)."""
    offsets = [0.0]
    for one, other in pairwise(column):
        offsets.append(offsets[-1] + one.height + (_BETWEEN_PX if one.box or other.box else _LINE_PX / 2))
    pools: list[tuple[float, int]] = []  # mean and number of those that stand close together
    for top, offset in zip(wanted, offsets, strict=True):
        mean, number = top - offset, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, number = (before * many + mean * number) / (many + number), many + number
        pools.append((mean, number))
    return [mean + offset for mean, offset in zip((m for m, n in pools for _ in range(n)), offsets, strict=True)]


def _placed(
    table: Sequence[Sequence[_Item]], drawn: frozenset[tuple[str, int]], width: float, gap: float, entry: float
) -> Placed:
    corners: dict[str, Point] = {}
    lines: list[tuple[Point, Point]] = []
    tips: list[Point] = []
    for number, column in enumerate(table):
        left = number * (width + gap)
        for item in column:
            if item.box:
                corners[item.name] = left, item.top
            else:
                lines.append(((left, item.top + item.height / 2), (left + width, item.top + item.height / 2)))
            if item.box and item.before:
                tips.append((left, item.top + entry))
            for following, leaves in item.after:
                end = left + width + gap, following.top + following.enters(entry)
                lines.append(((left + width, item.top + leaves), end))
    bottom = max((item.top + item.height for column in table for item in column), default=0.0)
    return Placed(corners, lines, tips, drawn, (max(len(table) * (width + gap) - gap, 0.0), bottom))
