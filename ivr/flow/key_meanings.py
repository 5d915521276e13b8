"""The meanings of keys in the menus that callers may know by heart: of an open line, of a closed one, and of the queue.

Callers press keys before they have heard everything. So one key must not stand for two things in these menus, nor one
thing have two keys. Menus behind them are free.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from ivr.call.node import CHANGE_LANGUAGE, OPERATOR
from ivr.flow.file import AnyNode, Flow
from ivr.flow.nodes.callback import Callback
from ivr.flow.nodes.case import Case
from ivr.flow.nodes.consulate import ConsulateNode
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.hours import Hours
from ivr.flow.nodes.menu import Menu, MenuOption, Option
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.record import Record
from ivr.flow.nodes.say import Say


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two menus that disagree about a key. `node` and `index` are the place of the second one's option."""

    node: str
    index: int
    what: str


def disagreements(flow: Flow) -> Iterator[Disagreement]:
    """Yield where the two ways of an `hours` node, or one of them and the offers of a queue, disagree."""
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    queues = [name for name, node in flow.nodes.items() if isinstance(node, Queue)]
    for node in flow.nodes.values():
        if isinstance(node, Hours):
            ways = list(dict.fromkeys((_menu(flow, node.open), _menu(flow, node.closed), *queues)))
            pairs |= {frozenset(pair): pair for pair in combinations(ways, 2)}
    for first, second in pairs.values():
        yield from _compare(flow, first, second)


def _menu(flow: Flow, name: str) -> str:
    """Return the node in which the way to a node ends: texts without a choice are passed."""
    passed: set[str] = set()
    while isinstance(node := flow.nodes[name], Say) and name not in passed:
        passed.add(name)
        name = node.next
    return name


def _compare(flow: Flow, first: str, second: str) -> Iterator[Disagreement]:
    before = [(option.key, _thing(flow, option)) for option in _options(flow.nodes[first])]
    options = _options(flow.nodes[second])
    things = [_thing(flow, option) for option in options]
    for index, (option, thing) in enumerate(zip(options, things, strict=True)):
        if option.key in (OPERATOR, CHANGE_LANGUAGE):
            continue  # the same everywhere, or reported as W_FLOW_KEY_MEANING
        other = next((other for key, other in before if key == option.key), thing)
        if other != thing:
            what = f"the key {option.key} means {thing} in {second}, and {other} in {first}"
            yield Disagreement(second, index, what)
            continue
        keys = [key for key, other in before if other == thing]
        here = {option.key for option, other in zip(options, things, strict=True) if other == thing}
        if keys and here.isdisjoint(keys):
            yield Disagreement(second, index, f"{thing} has the key {option.key} in {second}, and {keys[0]} in {first}")


def _options(node: AnyNode) -> tuple[Option, ...]:
    if isinstance(node, Menu):
        return node.options
    return node.offers if isinstance(node, Queue) else ()


def _thing(flow: Flow, option: Option) -> str:
    """Return what an option stands for: two nodes of one kind may do the same."""
    topic = f" ({option.topic})" if isinstance(option, MenuOption) and option.topic is not None else ""
    match flow.nodes[option.next]:
        case Record(file=file):
            return f"a {file}"
        case Callback():
            return "a call-back"
        case Case():
            return "the state of a case"
        case ConsulateNode():
            return "the consulate"
        case node if _is_guide(flow, node):
            return "the guide"
        case _:
            return f"{option.next}{topic}"


def _is_guide(flow: Flow, node: AnyNode) -> bool:
    """Return whether a node is the guide, or a menu of it."""
    if isinstance(node, Menu):
        return all(isinstance(flow.nodes[option.next], GuideNode) for option in node.options)
    return isinstance(node, GuideNode)
