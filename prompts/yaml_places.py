"""How YAML files are read, and where things stand in them, so that each mistake is told with its line."""

from collections.abc import Iterator, Sequence

import yaml

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STRING = "tag:yaml.org,2002:str"
"""The tag of a value that YAML reads as a text."""


MISREAD = (ValueError, LookupError, AttributeError, TypeError)
"""What YAML raises for values such as the thirtieth of February, or a text that is tagged as a number."""


DEEPEST = 20
"""Levels of lists and names inside each other; a flow has six."""


class RefusedError(yaml.MarkedYAMLError):
    """YAML that we do not take; `remedy` says what to write instead."""

    def __init__(self, problem: str, at: yaml.Event, remedy: str) -> None:
        super().__init__(problem=problem, problem_mark=at.start_mark)  # type: ignore[arg-type]  # a mark of the C parser
        self.remedy = remedy


def compose(text: str) -> yaml.Node | None:
    """Return the tree of a YAML document, None for an empty one.

    A few aliases that repeat each other can stand for more values than the machine has memory for, so none are taken.

    Raises:
        yaml.YAMLError: it is not one YAML document, has an alias, or goes deeper than `DEEPEST`.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise RefusedError(f"it has the alias *{event.anchor}", event, "write out what it repeats")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                found = f"lists and names go deeper than {DEEPEST} levels"
                raise RefusedError(found, event, "write it flatter")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return yaml.compose(text, Loader=LOADER)


def duplicates(tree: yaml.Node) -> Iterator[tuple[str, int]]:
    """Names that stand twice in one mapping, which YAML itself passes over, and the line of the second."""
    if isinstance(tree, yaml.MappingNode):
        seen = set()
        for key, value in tree.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key.value, key.start_mark.line + 1
                seen.add(key.value)
            yield from duplicates(value)
    elif isinstance(tree, yaml.SequenceNode):
        for each in tree.value:
            yield from duplicates(each)


def line_of(tree: yaml.Node, place: Sequence[int | str]) -> int:
    """The line of a value, as near as its names lead."""
    return _found(tree, place)[0]


def line_of_value(tree: yaml.Node, place: Sequence[int | str], value: str) -> int:
    """The line of the first text below a place that is `value`; the place's own if none is."""
    line, below = _found(tree, place)
    return next((each.start_mark.line + 1 for each in _values(below) if each.value == value), line)


def _found(tree: yaml.Node, place: Sequence[int | str]) -> tuple[int, yaml.Node]:
    line: int = tree.start_mark.line + 1
    for part in place:
        if isinstance(tree, yaml.MappingNode):
            found = next(((key, value) for key, value in tree.value if str(key.value) == str(part)), None)
            if found is None:
                continue  # pydantic names the kind of a node in the place, YAML does not
            line, tree = found[0].start_mark.line + 1, found[1]
        elif isinstance(tree, yaml.SequenceNode) and isinstance(part, int) and part < len(tree.value):
            tree = tree.value[part]
            line = tree.start_mark.line + 1
    return line, tree


def _values(tree: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(tree, yaml.ScalarNode):
        yield tree
    elif isinstance(tree, yaml.MappingNode):
        for _, value in tree.value:
            yield from _values(value)
    elif isinstance(tree, yaml.SequenceNode):
        for each in tree.value:
            yield from _values(each)


def misread(tree: yaml.Node | None, error: Exception) -> yaml.YAMLError:
    """What to raise where a value cannot become data: `error` does not say which one."""
    for each in _values(tree) if tree is not None else ():
        try:
            yaml.constructor.SafeConstructor().construct_object(each)
        except MISREAD as found:
            return yaml.MarkedYAMLError(
                problem=f"{each.value[:40]!r} cannot be read ({found})", problem_mark=each.start_mark
            )
    return yaml.YAMLError(f"a value cannot be read ({error})")


def refusal(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line at which `text` is no YAML, and why, without a full stop."""
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    if what.startswith("but "):  # "expected a single document in the stream", "but found another document"
        what = f"{getattr(error, 'context', None)} {what}"
    return line, f"{what}; {getattr(error, 'remedy', 'write it as YAML')}"
