"""`flow.yaml` as it is written: its shape, and the lines where things stand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ivr.call.node import NodeName, TextId
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
from ivr.site.findings import Finding, SiteError
from ivr.site.site import Place, describe_error, format_place
from prompts.yaml_places import (
    LOADER,
    MISREAD,
    RefusedError,
    compose,
    duplicates,
    line_of,
    line_of_value,
    misread,
    refusal,
)

OneNode = Say | Language | Menu | Ask | Hours | GuideNode | Case | Record | Callback | Queue | Survey | End
AnyNode = Annotated[OneNode, Field(discriminator="kind")]

ROLES = ("start", "operator", "change_language")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    start: NodeName
    operator: NodeName
    change_language: NodeName
    silence_s: float = Field(5, ge=0.5, le=30)
    announcements: tuple[TextId, ...] = ()  # no node says them: they are for `hatif hours announce`
    nodes: dict[NodeName, AnyNode] = Field(min_length=1)
    texts: dict[str, str] = {}  # their English; `prompts.sources` reads them for the catalogues


_NODES: TypeAdapter[dict[str, OneNode]] = TypeAdapter(dict[NodeName, AnyNode])


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow. `operator` is where `0` and repeated mistakes lead."""

    start: str
    operator: str
    change_language: str
    silence_s: float
    nodes: dict[str, OneNode]
    announcements: tuple[str, ...] = ()

    @property
    def texts(self) -> set[str]:
        """The ids of all texts that the nodes say; those of the guide's procedures come with the guide."""
        return {text for node in self.nodes.values() for text in node.texts()}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a file says, in order or not, with the places of everything in it.

    `faults` are mistakes of its shape. The flow then has the nodes without any, and what else is wrong is empty in it.
    """

    where: str
    flow: Flow
    names: tuple[str, ...]  # of all nodes
    texts: tuple[str, ...]  # ids of its section `texts`
    faults: tuple[Finding, ...]
    tree: yaml.Node = field(repr=False)

    def line(self, *place: int | str, value: str | None = None) -> int:
        """Where a name stands; with `value`, the first place below it that says so."""
        if value is not None:
            return line_of_value(self.tree, place, value)
        return line_of(self.tree, place)


def draft(text: str, where: str) -> Draft:
    """What stands in `text`. Raises SiteError if that cannot be said at all."""
    try:
        tree, data = _read(text)
        if not isinstance(data, dict) or tree is None:
            missing = "write start, operator, change_language and nodes"
            raise SiteError(Finding("E_FLOW_FILE", where, 1, "has no names at its top", missing))
        twice = list(duplicates(tree))
        data = _keys_as_text(data)
    except yaml.YAMLError as error:
        line, what = refusal(_explained(error, text), text)
        raise SiteError(Finding.from_sentence("E_FLOW_FILE", where, line, what)) from None
    faults = [_twice(where, line, name) for name, line in twice]
    texts = data.get("texts")
    ids = tuple(texts) if isinstance(texts, dict) else ()
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        wrong = [each["loc"] for each in error.errors()]
        for each in error.errors():
            sentence = f"{format_place(each['loc'])}: {describe_error(each)}"
            faults.append(Finding.from_sentence("E_FLOW_VALUE", where, line_of(tree, each["loc"]), sentence))
        flow = _sound(data, wrong)
    else:
        flow = Flow(file.start, file.operator, file.change_language, file.silence_s, file.nodes, file.announcements)
    names = data.get("nodes")
    return Draft(where, flow, tuple(names) if isinstance(names, dict) else (), ids, tuple(faults), tree)


def _sound(data: dict[str, Any], wrong: Sequence[Place]) -> Flow:
    """What is in order of data of which some is not; `wrong` are those places."""
    top = {place[0] for place in wrong if place[0] != "nodes" or len(place) == 1}
    broken = {place[1] for place in wrong if place[0] == "nodes" and len(place) > 1}
    nodes = {} if "nodes" in top else {name: node for name, node in data["nodes"].items() if name not in broken}
    start, operator, change_language = ("" if role in top else data[role] for role in ROLES)
    announced = () if "announcements" in top else tuple(data.get("announcements", ()))
    return Flow(start, operator, change_language, 0.0, _NODES.validate_python(nodes), announced)


def _read(text: str) -> tuple[yaml.Node | None, Any]:
    """Its tree, and the data. Raises yaml.YAMLError."""
    tree = compose(text)
    loader = LOADER("")
    try:
        return tree, loader.construct_document(tree) if tree is not None else None
    except MISREAD as error:
        raise misread(tree, error) from None
    finally:
        loader.dispose()


def _explained(error: yaml.YAMLError, text: str) -> yaml.YAMLError:
    """The slow loader says better what is wrong."""
    if isinstance(error, RefusedError):
        return error
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as better:
        return better
    except (*MISREAD, RecursionError):
        pass
    return error


def _twice(where: str, line: int, name: str) -> Finding:
    if name.isdigit():
        return Finding("E_FLOW_KEY_TWICE", where, line, f"the key {name!r} stands twice", "each key may stand once")
    return Finding("E_FLOW_TWICE", where, line, f"{name!r} stands twice", "each name may stand once")


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
