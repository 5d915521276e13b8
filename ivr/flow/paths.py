"""The paths of callers through a flow: which nodes they reach, whether they end, and how far an operator is away.

All nodes that are named must exist.
"""

from collections.abc import Callable, Iterator, Sequence

from ivr.call.node import OPERATOR
from ivr.flow.file import AnyNode, Flow
from ivr.flow.nodes.ask import Ask
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.case import Case
from ivr.flow.nodes.consulate import ConsulateNode
from ivr.flow.nodes.end import End
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.hours import Hours
from ivr.flow.nodes.language import Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.record import Record
from ivr.flow.nodes.say import Say
from ivr.flow.nodes.say_it import SayIt
from ivr.flow.nodes.survey import Survey

NEAR = 3
"""An operator may be at most this many keys away."""

ASKING = (SayIt, Language, Menu, GuideNode, ConsulateNode, Ask, Case, Record, Callback)
"""Nodes that wait for a key, except those after a conversation."""


def reachable(flow: Flow) -> set[str]:
    """Return the nodes that a caller can reach."""
    return _closure({flow.start, flow.operator, flow.change_language}, lambda name: flow.nodes[name].leads_to())


def dead_ends(flow: Flow) -> list[str]:
    """Return the nodes from which neither an end nor an operator can be reached, whatever the caller does."""
    into: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for name, node in flow.nodes.items():
        for target in (*node.leads_to(), *((flow.operator,) if _leads_to_operator(node) else ())):
            into[target].append(name)
    ends = {name for name, node in flow.nodes.items() if isinstance(node, End | Queue)}
    good = _closure(ends, into.__getitem__)
    return [name for name in flow.nodes if name not in good]


def silent_loops(flow: Flow) -> list[tuple[str, ...]]:
    """Return the endless loops of a caller who never presses a key, while the line is open or while it is closed.

    Each starts with its node that comes first in the file.
    """
    loops = []
    for is_open in (True, False):
        loops += [loop for loop in _loops(flow, is_open) if loop not in loops]
    return loops


def keys_to_operator(flow: Flow) -> dict[str, int]:
    """Return how many keys an operator is away, by node, from the worst point within the node.

    Nodes that cannot reach an operator are left out.
    """
    away = {name: 0 for name, node in flow.nodes.items() if isinstance(node, Queue)}
    routes = [(name, target, keys) for name in flow.nodes for target, keys in _routes(flow, flow.nodes[name])]
    for _ in flow.nodes:  # after n passes all paths of n steps are known
        for name, target, keys in routes:
            if target in away and away[target] + keys < away.get(name, len(flow.nodes) * NEAR):
                away[name] = away[target] + keys
    return away


def _closure(todo: set[str], following: Callable[[str], Sequence[str]]) -> set[str]:
    found, left = set(todo), list(todo)
    while left:
        new = [name for name in following(left.pop()) if name not in found]
        found.update(new)
        left += new
    return found


def _leads_to_operator(node: AnyNode) -> bool:
    """Return whether `0`, or silence and wrong keys, lead to an operator."""
    if isinstance(node, Menu):
        return node.after_help is None or all(option.key != OPERATOR for option in node.options)
    return isinstance(node, ASKING)


def _loops(flow: Flow, is_open: bool) -> Iterator[tuple[str, ...]]:
    seen: set[str] = set()
    order = list(flow.nodes)
    for start in order:
        path: list[str] = []
        name: str | None = start
        while name is not None and name not in seen:
            seen.add(name)
            path.append(name)
            name = _next_without_key(flow, name, is_open)
        if name is not None and name in path:
            loop = path[path.index(name) :]
            first = loop.index(min(loop, key=order.index))
            yield (*loop[first:], *loop[:first])


def _next_without_key(flow: Flow, name: str, is_open: bool) -> str | None:
    """Return the next node of a caller who presses no key; None at the end of the path, or at an operator."""
    node = flow.nodes[name]
    if isinstance(node, End | Queue):
        return None
    if isinstance(node, Hours):
        return node.open if is_open else node.closed
    return node.silent() or flow.operator


def _routes(flow: Flow, node: AnyNode) -> Iterator[tuple[str, int]]:
    """Return where keys lead from the worst point within a node, and how many. `0` counts where it is not a digit."""
    match node:
        case Say():
            yield node.next, 0
        case SayIt():
            yield from ((flow.operator, 1), (node.back, 1), (node.next, 1))
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
        case GuideNode() | ConsulateNode():
            yield from ((flow.operator, 1), (node.back, 1))
        case Ask() | Callback():
            yield node.back, 1
        case Record():
            yield from ((flow.operator, 2), (node.back, 2))  # `#` ends the message first
        case Case():
            yield node.back, 2  # from the second question back to the first
        case Survey():
            yield node.next, 1
