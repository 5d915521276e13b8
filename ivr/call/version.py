"""The part of a flow version that a call uses; `ivr.flow.versions` has the implementation."""

from collections.abc import Awaitable, Mapping
from typing import Protocol, TypeVar

from ivr.site.consulates import Consulates
from ivr.site.guide import Guide
from prompts.manifest import Manifest
from prompts.spoken_words import Words

C = TypeVar("C", contravariant=True)
"""The call a node runs for."""


class FlowNode(Protocol[C]):
    """A node. `run` executes it for a call and returns the name of the next one, or None to hang up."""

    @property
    def kind(self) -> str: ...

    def run(self, call: C, resumed: bool, /) -> Awaitable[str | None]: ...

    def leads_to(self) -> tuple[str, ...]: ...

    def topics(self) -> tuple[str, ...]: ...

    def option_to(self, node: str, topic: str | None, /) -> str | None: ...

    def answers(self) -> bool: ...

    def greets(self) -> bool: ...

    def is_menu(self) -> bool: ...


class Flow(Protocol[C]):
    """A flow. `operator` is where `0` and repeated mistakes lead."""

    @property
    def start(self) -> str: ...

    @property
    def operator(self) -> str: ...

    @property
    def change_language(self) -> str: ...

    @property
    def silence_s(self) -> float: ...

    @property
    def nodes(self) -> Mapping[str, FlowNode[C]]: ...


class Version(Protocol[C]):
    """The flow and audio that a call uses from beginning to end."""

    @property
    def name(self) -> str: ...

    @property
    def flow(self) -> Flow[C]: ...

    @property
    def guide(self) -> Guide: ...

    @property
    def consulates(self) -> Consulates: ...

    @property
    def sounds(self) -> Manifest: ...

    @property
    def words(self) -> Words: ...
