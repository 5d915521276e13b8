"""The flow of a site: read from `flow.yaml`, checked whole, and only then used."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.flow.nodes.base import NodeName
from ivr.flow.nodes.end import End
from ivr.flow.nodes.hours import Hours
from ivr.flow.nodes.language import Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.queue import Queue
from ivr.flow.nodes.say import Say
from ivr.site import SiteError, named, what_is_wrong

AnyNode = Annotated[Say | Language | Menu | Hours | Queue | End, Field(discriminator="kind")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    start: NodeName
    operator: NodeName
    change_language: NodeName
    silence_s: float = Field(5, ge=0.5, le=30)
    nodes: dict[NodeName, AnyNode] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """A checked flow. `version` names its text; `operator` is where `0` and repeated mistakes lead."""

    version: str
    text: str
    start: str
    operator: str
    change_language: str
    silence_s: float
    nodes: dict[str, Say | Language | Menu | Hours | Queue | End]

    @property
    def texts(self) -> set[str]:
        return {text for node in self.nodes.values() for text in node.texts()}


def read(path: Path) -> str:
    """The text of a flow's file. Raises SiteError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: cannot be read ({error}); it must be a UTF-8 text file.") from None


def parse(text: str, where: str, languages: Collection[str], known_texts: Collection[str] | None = None) -> Flow:
    """The flow in `text`. `known_texts`: the ids that the catalogues have; None leaves them unchecked.

    Raises SiteError with a line for each mistake.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise SiteError(f"{where}:{line}: {what}; write it as YAML.") from None
    if not isinstance(data, dict) or tree is None:
        raise SiteError(f"{where}:1: has no names at its top; write start, operator, change_language and nodes.")
    duplicate = _duplicate(tree)
    if duplicate is not None:
        name, line = duplicate
        raise SiteError(f"{where}:{line}: {name!r} stands twice; each name may stand once.")
    try:
        file = _File.model_validate(_keys_as_text(data))
    except ValidationError as error:
        sentences = [
            f"{where}:{_line(tree, each['loc'])}: {named(each['loc'])}: {what_is_wrong(each)}."
            for each in error.errors()
        ]
        raise SiteError("\n".join(sentences)) from None
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    flow = Flow(version, text, file.start, file.operator, file.change_language, file.silence_s, dict(file.nodes))
    problems = list(_problems(flow, languages, known_texts, lambda *place: f"{where}:{_line(tree, place)}"))
    if problems:
        raise SiteError("\n".join(problems))
    return flow


def _problems(
    flow: Flow, languages: Collection[str], known_texts: Collection[str] | None, at: Callable[..., str]
) -> Sequence[str]:
    found = []
    for role in ("start", "operator", "change_language"):
        if getattr(flow, role) not in flow.nodes:
            found.append(f"{at(role)}: {role} is {getattr(flow, role)!r}, which is no node; name one of nodes.")
    for name, node in flow.nodes.items():
        for target in node.leads_to():
            if target not in flow.nodes:
                found.append(f"{at('nodes', name)}: {name} leads to {target!r}, which is no node; write that node.")
        if isinstance(node, Language):
            for key, language in node.options.items():
                if language not in languages:
                    found.append(
                        f"{at('nodes', name, 'options', key)}: the language {language!r} is none of this site; "
                        f"it has {', '.join(languages)}."
                    )
        for text in node.texts():
            if known_texts is not None and text not in known_texts:
                found.append(f"{at('nodes', name)}: {name} says {text!r}, which no catalogue has; write that text.")
    if not found:
        reached = {flow.start, flow.operator, flow.change_language}
        todo = list(reached)
        while todo:
            for target in flow.nodes[todo.pop()].leads_to():
                if target not in reached:
                    reached.add(target)
                    todo.append(target)
        found += [
            f"{at('nodes', name)}: no caller can reach {name}; lead to it or delete it."
            for name in flow.nodes
            if name not in reached
        ]
    return found


def _keys_as_text(value: Any) -> Any:
    """YAML reads the key 1 as a number; a key of a telephone is a character."""
    if isinstance(value, dict):
        return {
            str(key): str(each) if key == "key" and isinstance(each, int) else _keys_as_text(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_keys_as_text(each) for each in value]
    return value


def _duplicate(tree: yaml.Node) -> tuple[str, int] | None:
    """A name that stands twice in one mapping, which YAML itself passes over."""
    if isinstance(tree, yaml.MappingNode):
        seen = set()
        for key, value in tree.value:
            if key.value in seen:
                return str(key.value), key.start_mark.line + 1
            seen.add(key.value)
            if (inside := _duplicate(value)) is not None:
                return inside
    elif isinstance(tree, yaml.SequenceNode):
        return next((inside for each in tree.value if (inside := _duplicate(each)) is not None), None)
    return None


def _line(tree: yaml.Node, place: Sequence[int | str]) -> int:
    """The line of a value, as near as its names lead."""
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
    return line
