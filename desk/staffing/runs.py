"""Simulations of past weeks, by `hatif simulate` in a process of its own: the desk goes on meanwhile."""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

import structlog

from desk.command import run_hatif
from desk.page.errors import DeskError
from desk.page.texts import N_
from desk.settings import DeskSettings

log = structlog.get_logger()

LONGEST_S = 180.0
"""Seconds that a simulation may take."""

WAITING, KEPT = 3, 20
"""Simulations that may wait for the one that runs, and how many the desk remembers."""

_BUSY = N_("Other simulations are running; try again in a moment.")
_GONE = N_("The desk does not have this simulation any more; start it again.")
_TOO_LONG = N_("The simulation took too long and was stopped.")
_FAILED = N_("The simulation failed; the desk's log says why.")


@dataclass(frozen=True, slots=True)
class Question:
    """A week, and what is different. `more`: the languages of an operator more, such as fr:5,ar:3; `teach`: a language
    that an operator has learnt, such as 1002=es:3. Empty: nothing."""

    first: date
    last: date
    more: str = ""
    teach: str = ""

    @property
    def has_change(self) -> bool:
        return bool(self.more or self.teach)


@dataclass(slots=True)
class Run:
    """One simulation, or two: of the week as it was, and with the change. `done` and `total` count days.

    `documents`: what `hatif simulate --json` says, in that order. `problem`: a text of the catalogues; `reason`: the
    command's own sentence.
    """

    id: str
    question: Question
    done: int = 0
    total: int = 0
    documents: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None
    reason: str = ""
    is_over: bool = False


class Simulations:
    """The simulations of one desk, one at a time."""

    def __init__(self, settings: DeskSettings, longest_s: float = LONGEST_S) -> None:
        self._settings, self._longest_s = settings, longest_s
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._place = asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, question: Question) -> Run:
        """Begin a simulation. Raises DeskError if too many wait."""
        if len(self._tasks) > WAITING:
            raise DeskError(503, _BUSY)
        run = Run(uuid4().hex, question)
        self._runs[run.id] = run
        while len(self._runs) > KEPT:
            self._runs.popitem(last=False)
        task = asyncio.create_task(self._answer(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def find(self, identity: str) -> Run:
        """Return a simulation. Raises DeskError if the desk has forgotten it."""
        if identity not in self._runs:
            raise DeskError(404, _GONE)
        return self._runs[identity]

    async def close(self) -> None:
        """Stop what runs."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _answer(self, run: Run) -> None:
        question = run.question
        changes: list[list[str]] = [[]]
        if question.has_change:
            options = [("--more", question.more), ("--teach", question.teach)]
            changes.append([word for option, value in options if value for word in (option, value)])
        days = (question.last - question.first).days + 1
        run.total = days * len(changes)
        try:
            async with self._place, asyncio.timeout(self._longest_s):
                for number, change in enumerate(changes):
                    await self._simulate(run, change, number * days)
        except TimeoutError:
            run.problem = _TOO_LONG
        except Exception:
            log.exception("A simulation failed")
            run.problem = _FAILED
        finally:
            run.is_over = True

    async def _simulate(self, run: Run, change: list[str], before: int) -> None:
        if run.problem is not None:
            return

        def is_progress(text: str) -> bool:
            done, _, total = text.strip().partition(" ")
            if not (done.isdigit() and total.isdigit()):
                return False
            run.done = before + int(done)
            return True

        period = ["--from", run.question.first.isoformat(), "--to", run.question.last.isoformat()]
        command = ["simulate", "--from-history", "--json", "--progress", *period, *change]
        answer = await run_hatif(self._settings, *command, line=is_progress, longest_s=self._longest_s)
        if answer.status:
            log.warning("A simulation was refused", reason=answer.errors[-2000:])
            run.problem, run.reason = _FAILED, answer.sentence
            return
        run.documents.append(json.loads(answer.output))
