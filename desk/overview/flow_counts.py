"""Counts of callers in the flow: how many took each way, and where they gave up. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from db.enums import Outcome
from db.flow_use import Way

GAVE_UP = (Outcome.ABANDONED, Outcome.LEFT_MENU)
"""Outcomes of callers who had not got what they called for."""


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """The callers of one node; each counts once, however often they were there.

    `went_on`: by the next node, the most first. `gave_up`: hung up here, without what they called for. `ended`: their
    call ended here in any other way. `here`: they are here now.
    """

    name: str
    kind: str
    reached: int
    went_on: Sequence[tuple[str, int]]
    gave_up: int
    ended: int
    here: int

    @property
    def left(self) -> float:
        """The share of its callers who gave up here."""
        return self.gave_up / self.reached if self.reached else 0.0


@dataclass(frozen=True, slots=True)
class FlowCounts:
    """The callers of a flow. `ways`: how many took each way, by the nodes that it leads from and to."""

    calls: int
    gave_up: int
    here: int
    nodes: Sequence[NodeCounts]
    ways: Mapping[tuple[str, str], int]

    @property
    def by_name(self) -> Mapping[str, NodeCounts]:
        return {node.name: node for node in self.nodes}


def count(taken: Iterable[Way], kinds: Mapping[str, str]) -> FlowCounts:
    """Return the counts of the nodes in `kinds` (by name, in the flow's order), then those of nodes that are not in the
    flow any more, if somebody was there. Calls without any node count as calls only."""
    reached: Counter[str] = Counter()
    gave_up: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    here: Counter[str] = Counter()
    ways: Counter[tuple[str, str]] = Counter()
    calls = 0
    for way in taken:
        calls += way.calls
        for node in set(way.path):
            reached[node] += way.calls
        for step in set(pairwise(way.path)):
            ways[step] += way.calls
        if way.path:
            _where_it_ended(way, gave_up, ended, here)[way.path[-1]] += way.calls
    names = [*kinds, *sorted(reached.keys() - kinds.keys())]
    following: dict[str, list[tuple[str, int]]] = {}
    for (source, target), number in sorted(ways.items(), key=lambda item: (-item[1], item[0])):
        following.setdefault(source, []).append((target, number))
    nodes = [
        NodeCounts(
            name, kinds.get(name, ""), reached[name], following.get(name, ()), gave_up[name], ended[name], here[name]
        )
        for name in names
    ]
    return FlowCounts(calls, gave_up.total(), here.total(), nodes, ways)


def _where_it_ended(way: Way, gave_up: Counter[str], ended: Counter[str], here: Counter[str]) -> Counter[str]:
    if way.outcome is None:
        return here
    return gave_up if way.ended_by == "caller" and way.outcome in GAVE_UP else ended
