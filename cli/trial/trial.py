"""`hatif try`: a call without Asterisk, with the same nodes and the same call code as on the line; nothing is kept."""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
import typer

from cli.composition import Composition
from cli.output import JSON, as_json
from cli.times import parse_instant
from cli.trial.seconds import SecondsReport, plan_journeys
from cli.trial.trial_report import Report
from db import engine, references
from ivr.call.services import CaseLookup
from ivr.floor.operator_state_store import restored
from ivr.hours.format_hours import number_problem
from ivr.model import clock
from ivr.model.floor_protocol import Wait
from ivr.records.recorder import Recorder
from ivr.trial.asterisk import Asterisk, Caller
from ivr.trial.caller import ListeningCaller, ScriptedCaller
from ivr.trial.case_files import SAMPLE_PIN, SAMPLE_REFERENCE, DatabaseCaseFiles, SampleCaseFile
from ivr.trial.loop import VirtualLoop
from ivr.trial.opening import planned_hours
from ivr.trial.operators import OperatorScript
from ivr.trial.records import FakeReferences, MemoryJournal
from ivr.trial.staging import likely_line, load_stage
from ivr.trial.trial import Scenario, Stage, TrialResult, trial
from prompts import catalogue, manifest
from prompts.catalogue import Catalogues
from routing.match import may_serve
from wire.errors import UserError

HIDDEN = "hidden"

_OFFERED_S, _ANSWERS_S, _TALKS_S = 8.0, 2.0, 60.0
_KEYS = re.compile(r"[0-9*#h-]+")
_REFERENCE = re.compile(r"[0-9]{3}-[0-9]{3}-[0-9]{3}")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")

_SAMPLE = "case {reference} with the PIN {pin} stands in for all cases: there is no database"
_HELP = """Call the line without a telephone, and read what the caller hears.

KEYS: each is one or more of 0-9 * # (in quotation marks), a hyphen, or h. A key is pressed when the next prompt has
begun, as by a caller who knows the menus; while the caller waits for an operator, only 9 is pressed. A hyphen is a
silence: for a prompt and the time for a key after it, or for a message. h hangs up. After the last key, the caller is
silent until the end.

Messages last 5 s. An operator answers after 10 s and talks for a minute. Case files come from the database, which is
only read; without one, case 912-345-676 has the PIN 271828. Opening hours come from the plan and the calendar; whether
a running controller is forced open or closed does not count."""


class TrialError(UserError):
    """A sentence that says why a call cannot be tried, and what would be right."""


def register(app: typer.Typer) -> None:
    # A hyphen is a key, even as the first of several.
    app.command("try", help=_HELP, context_settings={"ignore_unknown_options": True})(attempt)


def attempt(
    keys: list[str] | None = typer.Argument(
        None, help="The keys to press, such as 3 1 2, or 312, or 3 - 1.", show_default=False
    ),
    caller: str = typer.Option(
        "", "--from", help="The caller's number, such as +31612345678, or hidden.", show_default=False
    ),
    dialled: str = typer.Option(
        "", "--to", help="The number of the site to call.  [default: the one of the caller's country]"
    ),
    at: str = typer.Option("", help="The time of the call, such as 2026-12-24T19:30.  [default: now]"),
    last_language: str = typer.Option(
        "",
        "--language-of-last-call",
        help="The language of the caller's last call, such as fr, if they have called before.",
    ),
    nobody: bool = typer.Option(
        False, "--nobody", help="Let no operator answer; the caller hangs up after two minutes."
    ),
    hang_up: bool = typer.Option(False, "--hang-up", help="Hang up after the last key."),
    says: list[str] = typer.Option(
        [],
        help="The procedure that is understood at an open question; two with a comma; or nothing. Once for each time "
        "that the caller speaks.",
    ),
    seconds: bool = typer.Option(
        False,
        "--seconds",
        help="Try the path in every language, and print when what is heard; a key of the language menu stands for that "
        "of each. Without --from, each caller is from a country of their language.",
    ),
    json: bool = JSON,
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parts = Composition(bound=False)
    pressed = "".join(_parse_keys(argument) for argument in keys or ()) + ("h" if hang_up else "")
    for unknown in keys or ():
        if unknown.startswith("--") and unknown.strip("-h"):
            raise TrialError(f"There is no option {unknown}; `hatif try --help` lists them.")
    if pressed and not _KEYS.fullmatch(pressed):
        wrong = next(key for key in pressed if not _KEYS.fullmatch(key))
        raise TrialError(
            f"{wrong!r} is not a key; a key is one of 0 to 9, * and #, a hyphen for a silence, h to hang up."
        )
    if not caller and not seconds:
        raise TrialError("Write --from NUMBER, or --from hidden.")
    if last_language and seconds:
        raise TrialError("--seconds tries every language; leave --language-of-last-call out.")
    request = _Request(
        caller=_number(caller) if caller else None,
        dialled=dialled,
        at=parse_instant(at, ZoneInfo(parts.site.hours.timezone), "--at") if at else None,
        last_language=last_language or None,
        nobody=nobody,
        keys=pressed,
        says=tuple(tuple(name for name in said.split(",") if name) for said in says),
    )
    attempt_ = _Attempt(parts, request)
    report = attempt_.in_every_language() if seconds else attempt_.run()
    if json:
        as_json(report.data())
    else:
        report.show()
    if report.failed:
        raise typer.Exit(1)


def _parse_keys(argument: str) -> str:
    """Return the keys of an argument. The hyphens of a reference, written as it is printed, are not keys."""
    keys = re.sub(r"\s", "", argument)
    return keys.replace("-", "") if _REFERENCE.fullmatch(keys) else keys


@dataclass(frozen=True)
class _Request:
    caller: str | None  # empty: hidden; None: one from home in each language
    dialled: str
    at: datetime | None
    last_language: str | None
    nobody: bool
    keys: str
    says: tuple[tuple[str, ...], ...]  # at each open question


def _number(text: str) -> str:
    if text == HIDDEN:
        return ""
    number = re.sub(r"[\s().-]", "", text)
    if not _NUMBER.fullmatch(number):
        raise TrialError(f"{text!r} is not a telephone number; write one such as +31612345678, or hidden.")
    return number


class _Attempt:
    """A trial call, built from the site's files."""

    def __init__(self, parts: Composition, request: _Request) -> None:
        self._parts, self._site, self._request = parts, parts.site, request
        self._operators = restored(parts.operators, {})
        self._at = request.at or clock.now()
        self._notes: list[str] = []
        known = self._site.languages
        if request.last_language is not None and request.last_language not in known:
            raise TrialError(f"{request.last_language!r} is not a language of this site; it has {', '.join(known)}.")

    def run(self) -> "Report":
        """Return the report of a caller who knows the menus."""
        stage, keys = self._stage(self._texts()), self._request.keys
        scene, source, course = self._try(stage, self._request.caller or "", lambda phone: ScriptedCaller(keys, phone))
        return Report(stage, scene, keys, source, course, tuple(self._notes))

    def in_every_language(self) -> "SecondsReport":
        """Return the report of callers who listen, one for each language. Raises SecondsError."""
        texts = self._texts()
        stage = self._stage(texts)
        journeys = plan_journeys(stage, self._request.keys, self._request.caller)
        results = {}
        for journey in journeys:
            keys = journey.keys
            _, _, course = self._try(stage, journey.caller, lambda phone, keys=keys: ListeningCaller(keys, phone))  # type: ignore[misc]
            results[journey.language] = course
        report = SecondsReport(stage, journeys, results, texts)
        report.check()
        return report

    def _try(
        self, stage: Stage, caller: str, person: Callable[[Asterisk], Caller]
    ) -> tuple[Scenario, str, TrialResult]:
        """Return the circumstances of one call, the source of case files, and the result."""
        recorder = Recorder(MemoryJournal(self._site.node), FakeReferences(self._site.node_number))
        files, source = self._files(recorder)
        scene = self._scene(caller, recorder, files)
        try:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                return scene, source, runner.run(trial(stage, scene, person))
        finally:
            if isinstance(files, DatabaseCaseFiles):
                files.close()

    def _texts(self) -> Catalogues:
        return catalogue.load(self._parts.settings.site)

    def _stage(self, texts: Catalogues) -> Stage:
        settings = self._parts.settings
        audio = settings.sounds / manifest.FILE
        stage = load_stage(settings.site, manifest.load(audio) if audio.exists() else None, self._site, texts)
        known = stage.version.guide.procedures
        for name in (name for said in self._request.says for name in said):
            if name not in known:
                raise TrialError(f"The guide has no procedure {name!r}; it has {', '.join(sorted(known))}.")
        return stage

    def _scene(self, caller: str, recorder: Recorder, files: CaseLookup) -> Scenario:
        request = self._request
        return Scenario(
            caller=caller,
            dialled=self._line(request.dialled) if request.dialled else likely_line(self._site, caller),
            at=self._at,
            opening=planned_hours(self._site, recorder),
            files=files,
            who=self._who,
            last_language=request.last_language,
            says=request.says,
        )

    def _line(self, dialled: str) -> str:
        if problem := number_problem(self._site, dialled):
            raise TrialError(problem)
        return dialled

    def _who(self, wait: Wait) -> OperatorScript | None:
        step = wait.steps[0]
        operator = next((operator.id for operator in self._operators if may_serve(operator, step)), None)
        if operator is None:
            about = f" and deals with {step.topic}" if step.topic else ""
            self._notes.append(
                f"No operator of operators.csv speaks {step.language}{about}: the caller would wait in vain."
            )
        if self._request.nobody:
            return None
        return OperatorScript(operator, _OFFERED_S, _ANSWERS_S, _TALKS_S) if operator is not None else None

    def _files(self, recorder: Recorder) -> tuple[CaseLookup, str]:
        url = engine.parse_url(self._parts.database_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            return SampleCaseFile(recorder), _SAMPLE.format(
                reference=references.format_reference(SAMPLE_REFERENCE), pin=SAMPLE_PIN
            )
        files = DatabaseCaseFiles(self._parts.database_url, recorder, self._parts.credentials.pin_pepper)
        return files, f"the cases come from {engine.format_url(url)}"
