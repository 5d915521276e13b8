"""The file `flow.yaml`: its structure, and the lines of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ivr.call.node import NodeName, TextId
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

AnyNode = (
    Say
    | Language
    | Menu
    | Ask
    | Hours
    | GuideNode
    | ConsulateNode
    | Case
    | Record
    | Callback
    | Queue
    | Survey
    | End
    | SayIt
)
_Discriminated = Annotated[AnyNode, Field(discriminator="kind")]

ROLES = ("start", "operator", "change_language")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    start: NodeName
    operator: NodeName
    change_language: NodeName
    silence_s: float = Field(5, ge=0.5, le=30)
    announcements: tuple[TextId, ...] = ()  # used by no node, but by `hatif hours announce`
    nodes: dict[NodeName, _Discriminated] = Field(min_length=1)
    texts: dict[str, str] = {}  # in English; `prompts.sources` reads them for the catalogues


_NODES: TypeAdapter[dict[str, AnyNode]] = TypeAdapter(dict[NodeName, _Discriminated])


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow. `operator` is where `0` and repeated mistakes lead."""

    start: str
    operator: str
    change_language: str
    silence_s: float
    nodes: dict[str, AnyNode]
    announcements: tuple[str, ...] = ()

    @property
    def texts(self) -> set[str]:
        """The ids of all texts that the nodes say. Texts of the guide's procedures come with the guide."""
        return {text for node in self.nodes.values() for text in node.texts()}

    @property
    def speaks_of_consulates(self) -> bool:
        """Whether callers hear the consulates of the site's list."""
        return any(isinstance(node, ConsulateNode) for node in self.nodes.values())

    @property
    def words(self) -> set[str]:
        """The ids of all texts that callers may say at the nodes."""
        return {text for node in self.nodes.values() for text in node.words()}


@dataclass(frozen=True, slots=True)
class Draft:
    """A flow as read from its file, valid or not, with the line of every part.

    `faults` are errors of structure. The flow has the nodes without such errors; other invalid parts of it are empty.
    """

    where: str
    flow: Flow
    names: tuple[str, ...]  # of all nodes, faulty ones too
    texts: tuple[str, ...]  # the ids in its section `texts`
    faults: tuple[Finding, ...]
    tree: yaml.Node = field(repr=False)

    def line(self, *place: int | str, value: str | None = None) -> int:
        """Return the line of a part; with `value`, the first line below it that has this value."""
        if value is not None:
            return line_of_value(self.tree, place, value)
        return line_of(self.tree, place)


def read_draft(text: str, where: str) -> Draft:
    """Read a flow. Raises SiteError if it is not readable at all."""
    try:
        tree, data = _read(text)
        if not isinstance(data, dict) or tree is None:
            missing = "write start, operator, change_language and nodes"
            raise SiteError(Finding("E_FLOW_FILE", where, 1, "has no names at the top level", missing))
        twice = list(duplicates(tree))
        data = _keys_as_text(data)
    except yaml.YAMLError as error:
        line, what = refusal(_explain(error, text), text)
        raise SiteError(Finding.from_sentence("E_FLOW_FILE", where, line, what)) from None
    faults = [_duplicate(where, line, name) for name, line in twice]
    texts = data.get("texts")
    ids = tuple(texts) if isinstance(texts, dict) else ()
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        wrong = [fault["loc"] for fault in error.errors()]
        for fault in error.errors():
            sentence = f"{format_place(fault['loc'])}: {describe_error(fault)}"
            faults.append(Finding.from_sentence("E_FLOW_VALUE", where, line_of(tree, fault["loc"]), sentence))
        flow = _valid_part(data, wrong)
    else:
        flow = Flow(file.start, file.operator, file.change_language, file.silence_s, file.nodes, file.announcements)
    names = data.get("nodes")
    return Draft(where, flow, tuple(names) if isinstance(names, dict) else (), ids, tuple(faults), tree)


def _valid_part(data: dict[str, Any], wrong: Sequence[Place]) -> Flow:
    """Return the valid part of data in which the places `wrong` are not valid."""
    top = {place[0] for place in wrong if place[0] != "nodes" or len(place) == 1}
    broken = {place[1] for place in wrong if place[0] == "nodes" and len(place) > 1}
    nodes = {} if "nodes" in top else {name: node for name, node in data["nodes"].items() if name not in broken}
    start, operator, change_language = ("" if role in top else data[role] for role in ROLES)
    announced = () if "announcements" in top else tuple(data.get("announcements", ()))
    return Flow(start, operator, change_language, 0.0, _NODES.validate_python(nodes), announced)


def _read(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the syntax tree and the data. Raises yaml.YAMLError."""
    tree = compose(text)
    loader = LOADER("")
    try:
        return tree, loader.construct_document(tree) if tree is not None else None
    except MISREAD as error:
        raise misread(tree, error) from None
    finally:
        loader.dispose()


def _explain(error: yaml.YAMLError, text: str) -> yaml.YAMLError:
    """Return the error of the slow loader, whose explanation is better."""
    if isinstance(error, RefusedError):
        return error
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as better:
        return better
    except (*MISREAD, RecursionError):
        pass
    return error


def _duplicate(where: str, line: int, name: str) -> Finding:
    if name.isdigit():
        return Finding("E_FLOW_KEY_TWICE", where, line, f"the key {name!r} is used twice", "use each key once")
    return Finding("E_FLOW_TWICE", where, line, f"{name!r} is used twice", "use each name once")


def _keys_as_text(value: Any) -> Any:
    """Return the data with telephone keys as strings: YAML reads the key 1 as a number."""
    if isinstance(value, dict):
        return {
            str(key): str(item) if key == "key" and isinstance(item, int) else _keys_as_text(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_keys_as_text(item) for item in value]
    return value
