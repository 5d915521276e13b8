"""Calls in virtual time with the site's built audio, by callers who listen and press a key once they have heard it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ivr.call.services import Opening
from ivr.cases.case_lookup import Answer, NoMatch
from ivr.flow.file import AnyNode, Flow
from ivr.flow.nodes.guide import GuideNode
from ivr.flow.nodes.hours import Hours
from ivr.flow.nodes.language import Language
from ivr.flow.nodes.menu import Menu
from ivr.flow.nodes.say import Say
from ivr.records.recorder import Recorder
from ivr.site import site as sites
from ivr.site.operators import OperatorEntry
from ivr.trial.caller import ListeningCaller
from ivr.trial.loop import VirtualLoop
from ivr.trial.opening import planned_hours
from ivr.trial.operators import OperatorScript
from ivr.trial.records import FakeReferences, MemoryJournal
from ivr.trial.staging import home_number, language_keys, likely_line, load_stage
from ivr.trial.trial import Scenario, Stage, TrialResult, trial
from prompts import catalogue
from prompts.manifest import Manifest
from routing.hours import Force, Override

AT = datetime(2026, 11, 25, 11, tzinfo=UTC)
PATIENCE_S = 40.0
"""How long a caller waits for an operator, in seconds: until they have heard what else they can do."""
_LOOK_UP_S = 0.25
"""The time that the check of a PIN takes, about."""
OPERATOR = OperatorScript("1001", offered_s=8.0, answers_s=2.0, talks_s=30.0)


class GroundError(Exception):
    """A sentence that says why the site cannot be measured, and what to do."""


@dataclass(frozen=True)
class Ground:
    """A site with its audio, open at all times.

    `keys`: of the language menu, by language; `homes`: sample numbers; `spoken`: the languages of operators on duty.
    """

    stage: Stage
    opening: Opening
    keys: dict[str, str]
    homes: dict[str, str]
    spoken: tuple[str, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        return self.stage.site.languages

    @property
    def flow(self) -> Flow:
        return self.stage.version.flow

    def call(
        self,
        caller: str,
        keys: str,
        *,
        patience_s: float = PATIENCE_S,
        answers: OperatorScript | None = None,
        people: tuple[OperatorEntry, ...] = (),
    ) -> TrialResult:
        """Place a call; raise GroundError if it fails."""
        scenario = Scenario(
            caller=caller,
            dialled=likely_line(self.stage.site, caller),
            at=AT,
            opening=self.opening,
            files=_NoFiles(),
            who=lambda _: answers,
            people=people,
            spoken=self.spoken,
        )
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            result = runner.run(trial(self.stage, scenario, lambda phone: ListeningCaller(keys, phone, patience_s)))
        if result.errors:
            raise GroundError(f"A call from {caller or 'a hidden number'} with {keys or 'no keys'}: {result.errors[0]}")
        return result

    def keys_to(self, reached: Callable[[str, AnyNode], str | None]) -> str | None:
        """Return the fewest keys that lead from the chosen language to a node; None if nothing does.

        `reached` returns the keys within a node that is wanted, such as those of a procedure, otherwise None.
        """
        todo = deque([(_start(self.flow), "")])
        seen = set()
        while todo:
            name, keys = todo.popleft()
            if name in seen:
                continue
            seen.add(name)
            node = self.flow.nodes[name]
            if (last := reached(name, node)) is not None:
                return keys + last
            if isinstance(node, Say | Hours):
                todo.appendleft((node.next if isinstance(node, Say) else node.open, keys))
            elif isinstance(node, Menu):
                todo += [(option.next, keys + option.key) for option in node.options]
        return None

    def keys_to_procedure(self, procedure: str) -> str | None:
        def reached(name: str, node: AnyNode) -> str | None:
            offered = node.procedures if isinstance(node, GuideNode) else ()
            if offered == (procedure,):
                return ""  # a single procedure begins at once
            return str(offered.index(procedure) + 1) if procedure in offered else None

        return self.keys_to(reached)


def make_ground(folder: Path, made: Manifest, spoken: tuple[str, ...] | None = None) -> Ground:
    """Return the ground of the site in `folder` with this audio. Raises GroundError, SiteError, CatalogueError."""
    site = sites.load(folder)
    stage = load_stage(folder, made, site, catalogue.load(folder))
    keys = {language: key for key, language in language_keys(stage).items()}
    homes = {language: home_number(site, language) for language in site.languages}
    if missing := [language for language in site.languages if homes[language] is None or language not in keys]:
        raise GroundError(f"No country or no key of the language menu is for {', '.join(missing)}.")
    opening = planned_hours(site, Recorder(MemoryJournal(site.node), FakeReferences(site.node_number)))
    opening.force(Override(Force.OPEN))
    numbers = {language: number for language, number in homes.items() if number}
    return Ground(stage, opening, keys, numbers, site.languages if spoken is None else spoken)


def _start(flow: Flow) -> str:
    """Return the node after the language menu."""
    menus = (node for node in flow.nodes.values() if isinstance(node, Language))
    return next((menu.next for menu in menus), flow.start)


class _NoFiles:
    """Case files of which none matches."""

    async def ask(self, reference: str, entered: str, *, caller: str, call: str, dialled: bool = False) -> Answer:
        await asyncio.sleep(_LOOK_UP_S)
        return NoMatch(locked=False)
