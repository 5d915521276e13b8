"""Reading YAML with the line of each value, so that error messages can name the line."""

import re
from collections.abc import Iterator, Sequence

import yaml

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STRING = "tag:yaml.org,2002:str"
"""The tag of a value that YAML reads as a string."""
MISREAD = (ValueError, LookupError, AttributeError, TypeError)
"""The exceptions that PyYAML raises for values such as 30 February, or a string tagged as a number."""
DEEPEST = 20
"""Maximum nesting depth; a flow has six levels."""


LONGEST_NUMBER = 40
"""Characters of a number. One of a megabyte takes hours to read in base 60 (1:59:59), and others cannot be printed."""
_NUMBER = re.compile(r"[-+]?[0-9.][0-9A-Fa-fxo_:.+-]*")


class RefusedError(yaml.MarkedYAMLError):
    """Valid YAML that we reject; `remedy` says what to write instead."""

    def __init__(self, problem: str, at: yaml.Event, remedy: str) -> None:
        super().__init__(problem=problem, problem_mark=at.start_mark)  # type: ignore[arg-type]  # a mark of the C parser
        self.remedy = remedy


def compose(text: str) -> yaml.Node | None:
    """Return the tree of a YAML document, None for an empty one.

    Aliases are rejected: a few that refer to each other can expand to more values than fit into memory.

    Raises:
        yaml.YAMLError: The text is not one YAML document, contains an alias or a number longer than
            `LONGEST_NUMBER`, or is nested deeper than `DEEPEST`.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise RefusedError(f"the alias *{event.anchor} is not allowed", event, "write out what it repeats")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_NUMBER and _is_number(event):
            found = f"a number of {len(event.value)} characters is not allowed"
            raise RefusedError(found, event, "write a shorter one")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                found = f"lists and mappings are nested deeper than {DEEPEST} levels"
                raise RefusedError(found, event, "write it with fewer levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return yaml.compose(text, Loader=LOADER)


def _is_number(scalar: yaml.ScalarEvent) -> bool:
    """Return whether YAML may read a value as a number: it is not in quotes, or has a tag."""
    may_be = scalar.implicit[0] or scalar.tag not in (None, STRING)
    return may_be and _NUMBER.fullmatch(scalar.value) is not None


def duplicates(tree: yaml.Node) -> Iterator[tuple[str, int]]:
    """Yield names that occur twice in one mapping, which PyYAML ignores, and the line of the second."""
    if isinstance(tree, yaml.MappingNode):
        seen = set()
        for key, value in tree.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key.value, key.start_mark.line + 1
                seen.add(key.value)
            yield from duplicates(value)
    elif isinstance(tree, yaml.SequenceNode):
        for item in tree.value:
            yield from duplicates(item)


def line_of(tree: yaml.Node, place: Sequence[int | str]) -> int:
    """Return the line of the value at `place`, or of its nearest enclosing value that exists."""
    return _find(tree, place)[0]


def line_of_value(tree: yaml.Node, place: Sequence[int | str], value: str) -> int:
    """Return the line of the first string below `place` that equals `value`; the line of `place` if none does."""
    line, below = _find(tree, place)
    return next((node.start_mark.line + 1 for node in _values(below) if node.value == value), line)


def _find(tree: yaml.Node, place: Sequence[int | str]) -> tuple[int, yaml.Node]:
    line: int = tree.start_mark.line + 1
    for part in place:
        if isinstance(tree, yaml.MappingNode):
            found = next(((key, value) for key, value in tree.value if str(key.value) == str(part)), None)
            if found is None:
                continue  # pydantic's place also contains the kind of a node, which the YAML does not
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
        for item in tree.value:
            yield from _values(item)


def misread(tree: yaml.Node | None, error: Exception) -> yaml.YAMLError:
    """Return the error to raise for a value that cannot be constructed; `error` does not say which one it is."""
    for node in _values(tree) if tree is not None else ():
        try:
            yaml.constructor.SafeConstructor().construct_object(node)
        except MISREAD as found:
            return yaml.MarkedYAMLError(
                problem=f"{node.value[:40]!r} cannot be read ({found})", problem_mark=node.start_mark
            )
    return yaml.YAMLError(f"a value cannot be read ({error})")


def refusal(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line at which `text` is not valid YAML, and the reason with a remedy, without a full stop."""
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    if what.startswith("but "):  # "expected a single document in the stream", "but found another document"
        what = f"{getattr(error, 'context', None)} {what}"
    return line, f"{what}; {getattr(error, 'remedy', 'correct the YAML')}"
