"""Where callers come in a flow: whom they reach, whether their way ends, and how many keys an operator is away.

All nodes that are named must be there.
"""

from collections.abc import Callable, Iterator, Sequence

from ivr.call.node import OPERATOR
from ivr.flow.file import Flow, OneNode
from ivr.flow.nodes.ask import Ask
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.case import Case
from ivr.flow.nodes.end import End
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.hours import Hours
from ivr.flow.nodes.language import Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.record import Record
from ivr.flow.nodes.say import Say
from ivr.flow.nodes.survey import Survey

NEAR = 3
"""So many keys at most may an operator be away."""

ASKING = (Language, Menu, GuideNode, Ask, Case, Record, Callback)
"""Nodes that wait for a key, all but those that follow a conversation."""


def reached(flow: Flow) -> set[str]:
    """The nodes that some caller can reach."""
    return _closure({flow.start, flow.operator, flow.change_language}, lambda name: flow.nodes[name].leads_to())


def endless(flow: Flow) -> list[str]:
    """The nodes from which neither an end nor an operator can be reached, whatever the caller does there."""
    into: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for name, node in flow.nodes.items():
        for target in (*node.leads_to(), *((flow.operator,) if _leads_to_operator(node) else ())):
            into[target].append(name)
    ends = {name for name, node in flow.nodes.items() if isinstance(node, End | Queue)}
    good = _closure(ends, into.__getitem__)
    return [name for name in flow.nodes if name not in good]


def silent_rounds(flow: Flow) -> list[tuple[str, ...]]:
    """The rounds in which a caller goes for ever who never presses a key, while the line is open or while it is closed.

    Each begins with the node of it that is written first.
    """
    rounds = []
    for is_open in (True, False):
        rounds += [each for each in _rounds(flow, is_open) if each not in rounds]
    return rounds


def keys_to_operator(flow: Flow) -> dict[str, int]:
    """How many keys an operator is away, for the nodes that can reach one, from the worst place within them."""
    away = {name: 0 for name, node in flow.nodes.items() if isinstance(node, Queue)}
    ways = [(name, target, keys) for name in flow.nodes for target, keys in _ways(flow, flow.nodes[name])]
    for _ in flow.nodes:  # after n rounds all ways of n steps are known
        for name, target, keys in ways:
            if target in away and away[target] + keys < away.get(name, len(flow.nodes) * NEAR):
                away[name] = away[target] + keys
    return away


def _closure(todo: set[str], following: Callable[[str], Sequence[str]]) -> set[str]:
    found, left = set(todo), list(todo)
    while left:
        new = [each for each in following(left.pop()) if each not in found]
        found.update(new)
        left += new
    return found


def _leads_to_operator(node: OneNode) -> bool:
    """By `0`, or after silence and wrong keys."""
    if isinstance(node, Menu):
        return node.after_help is None or all(option.key != OPERATOR for option in node.options)
    return isinstance(node, ASKING)


def _rounds(flow: Flow, is_open: bool) -> Iterator[tuple[str, ...]]:
    seen: set[str] = set()
    order = list(flow.nodes)
    for start in order:
        way: list[str] = []
        name: str | None = start
        while name is not None and name not in seen:
            seen.add(name)
            way.append(name)
            name = _silent(flow, name, is_open)
        if name is not None and name in way:
            round_ = way[way.index(name) :]
            first = round_.index(min(round_, key=order.index))
            yield (*round_[first:], *round_[:first])


def _silent(flow: Flow, name: str, is_open: bool) -> str | None:
    """Where a caller comes from a node without a key; None: to the end of his way, or to an operator."""
    node = flow.nodes[name]
    if isinstance(node, End | Queue):
        return None
    if isinstance(node, Hours):
        return node.open if is_open else node.closed
    return node.silent() or flow.operator


def _ways(flow: Flow, node: OneNode) -> Iterator[tuple[str, int]]:
    """Where keys lead from the worst place within a node, and how many. `0` counts where it is no digit."""
    match node:
        case Say():
            yield node.next, 0
        case Hours():
            yield from ((node.open, 0), (node.closed, 0))
        case Language():
            keys = {*node.options}
            yield node.next, 1
            if OPERATOR not in keys:
                yield flow.operator, 1
        case Menu():
            yield from ((option.next, 1) for option in node.options)
            if all(option.key != OPERATOR for option in node.options):
                yield flow.operator, 1
            if node.back is not None:
                yield node.back, 1
        case GuideNode():
            yield from ((flow.operator, 1), (node.back, 1))
        case Ask() | Callback():
            yield node.back, 1
        case Record():
            yield from ((flow.operator, 2), (node.back, 2))  # `#` ends his message first
        case Case():
            yield node.back, 2  # from the second question back to the first
        case Survey():
            yield node.next, 1
