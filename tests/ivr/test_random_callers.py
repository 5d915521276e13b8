"""Ten thousand random callers, each of whom goes through the example site's flow from the first node to an end.

They press keys at the right moment, ahead of the prompts, or not at all, hang up anywhere, in all languages, from many
countries, at all hours, with and without operators, files and a database. The chances are the same in each run.
"""

import asyncio
import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import pytest
import structlog
from properties import examples
from trial_callers import RandomCaller, made, simpler, walked
from trial_stage import PIN, REFERENCE, stage

from db.enums import Outcome
from ivr.flow.missing_audio import needed_texts
from ivr.trial.loop import VirtualLoop
from ivr.trial.trial import Step, TrialResult

ALL, PORTIONS = 10_000, 10
EACH = examples(ALL // PORTIONS)
USUAL = 1
"""Portions of every run of the tests, half of each; the others are `long`."""

SILENT_S = 45 * 60
"""How long a call may go on after the caller's last key: prompts, helps, two empty messages, queue, conversation."""

CONFIRMED = {
    "consent": "consent_yes",
    "message": "record_send",
    "callback": ("callback_this_number", "callback_right"),
    "survey": "survey_question",
}
"""Events that only follow a key pressed after the beginning of its question."""
FRESH = {"consent_yes", "record_send", "callback_this_number", "callback_right", "survey_question"}

EXPECTED_LOGS = ("A message could not be recorded", "No case reference", "A leg was gone before")


def faults(caller: RandomCaller, result: TrialResult) -> Iterator[str]:
    yield from result.errors
    if result.outcome is None:
        yield "it did not end"
    last = max((step.at for step in result.steps if step.kind in ("presses", "hangs_up", "speaks")), default=0.0)
    if result.seconds - last > SILENT_S:
        yield f"it went on for {result.seconds - last:.0f} s after the caller's last act"
    yield from _wrong_end(result)
    yield from _wrong_records(caller, result)
    yield from _wrong_language(caller, result.steps)
    yield from _undeclared_texts(caller, result.steps)
    yield from _answered_ahead(result.steps)


def _wrong_end(result: TrialResult) -> Iterator[str]:
    kinds = {step.kind for step in result.steps}
    if ("connected" in kinds) is not (result.outcome == Outcome.ANSWERED):
        yield f"it ended as {result.outcome}, and {'an' if 'connected' in kinds else 'no'} operator was there"
    if result.outcome == Outcome.ABANDONED and "waiting" not in kinds:
        yield "it was abandoned before it waited"
    if result.outcome in (Outcome.MESSAGE, Outcome.CALLBACK) and not kinds & {
        "message",
        "recording_failed",
        "callback",
    }:
        yield f"it ended as {result.outcome}, and nothing was left"
    if (result.ended_by == "caller") is not ("hangs_up" in kinds):
        yield f"it was ended by {result.ended_by}"


def _wrong_records(caller: RandomCaller, result: TrialResult) -> Iterator[str]:
    tables = {table for table, _ in result.rows}
    opened = {row["reference"] for table, row in result.rows if table == "case_file"}
    left = {row["case_reference"] for table, row in result.rows if table == "message"}
    if re.search(rf"(?<![0-9a-f.]){PIN}(?![0-9a-f])", repr(result.rows)):  # not by chance in an id or an instant
        yield "the PIN is in the records"
    if REFERENCE in opened:
        yield "a file that was there is written over"
    if not left <= {None, *opened}:
        yield "a message is in no file"
    if "caller" in tables and not (caller.number and caller.remembers):
        yield "the caller is remembered"
    agreed = [step.data["agreed"] for step in result.steps if step.kind == "consent"]
    if "recording" in tables and agreed != [True]:
        yield "a conversation is recorded without consent"
    if "survey_answer" in tables and "pairing" not in tables:
        yield "there is a survey answer without a conversation"


def _wrong_language(caller: RandomCaller, steps: Sequence[Step]) -> Iterator[str]:
    nodes = stage(caller.records_conversations, caller.remembers).version.flow.nodes
    for step in steps:
        if step.kind == "hears" and nodes[step.node].kind != "language":
            other = [clip.prompt for clip in step.data["clips"] if clip.language != step.language]
            if other:
                yield f"{other} at {step.node} are not in {step.language}"


def _undeclared_texts(caller: RandomCaller, steps: Sequence[Step]) -> Iterator[str]:
    """Yield what is played without being a text that the version must have audio for.

    A missing document of a file has a text of the site's own, or else `missing_other`.
    """
    declared = _declared_texts(caller.records_conversations, caller.remembers)
    for step in steps:
        heard = {clip.prompt for clip in step.data["clips"]} if step.kind == "hears" else set()
        if others := {prompt for prompt in heard - declared if not prompt.startswith("missing_")}:
            yield f"{sorted(others)} at {step.node} are not among the version's texts"


@cache
def _declared_texts(records_conversations: bool, remembers: bool) -> frozenset[str]:
    version = stage(records_conversations, remembers).version
    return frozenset(needed_texts(version.flow, version.guide, version.consulates))


def _answered_ahead(steps: Sequence[Step]) -> Iterator[str]:
    heard: set[str] = set()
    since: list[str] = []
    for step in steps:
        match step.kind:
            case "hears":
                heard, since = {clip.prompt for clip in step.data["clips"]}, []
            case "hears_himself":
                heard, since = set(), []
            case "presses":
                since.append(step.data["key"])
            case "key" if heard & FRESH and step.data.get("key", "") not in ("", *since):
                yield f"{step.data['key']} was pressed before {sorted(heard & FRESH)} at {step.node}"
            case "survey" | "callback" | "consent" | "message":
                if step.data.get("gone") or step.data.get("agreed") is False:
                    continue
                question = CONFIRMED[step.kind]
                if not heard.intersection((question,) if isinstance(question, str) else question):
                    yield f"{step.kind} was answered before its question at {step.node}"


@pytest.mark.parametrize(
    "portion", [*range(USUAL), *(pytest.param(portion, marks=pytest.mark.long) for portion in range(USUAL, PORTIONS))]
)
def test_each_of_ten_thousand_random_calls_ends_and_plays_only_existing_texts(
    portion: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(f"callers {portion + 2}")
    seen: set[str] = set()
    steps = hours = 0.0
    with structlog.testing.capture_logs() as logs, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        for number in range(EACH):
            caller = made(chance)
            result = walked(caller, loop)
            if found := list(faults(caller, result)):
                least = simpler(caller, lambda candidate: bool(list(faults(candidate, walked(candidate, loop)))))
                result = walked(least, loop)
                raise AssertionError(
                    f"caller {number} of portion {portion}: {found}\nat least {least}\n{list(faults(least, result))}\n"
                    + "\n".join(f"{step.at:8.2f} {step.node} {step.kind} {step.data}" for step in result.steps[-30:])
                )
            seen |= {step.node for step in result.steps} | {step.kind for step in result.steps}
            seen |= {f"{step.kind} {step.data.get('result') or step.data.get('state') or ''}" for step in result.steps}
            seen |= {f"in {step.language}" for step in result.steps} | {f"ends {result.outcome}"}
            steps += len(result.steps)
            hours += result.seconds / 3600
    wrong = [entry for entry in logs if entry["log_level"] == "error" and not entry["event"].startswith(EXPECTED_LOGS)]
    assert wrong == []
    assert everything_there_is() <= seen, everything_there_is() - seen
    if portion == 0:
        record_property("random callers", f"{EACH} of {ALL}: {steps:.0f} steps, {hours:.0f} h")


def everything_there_is() -> set[str]:
    """Check that every portion of callers met these events, so that the promises about them mean something."""
    flow, site = stage().version.flow, stage().site
    happened = ("survey", "callback", "consent", "message", "recording_failed", "recorded", "help_over", "hangs_up")
    results = ("told", "no_match", "locked", "unavailable")
    offers = ("refused", "no_answer", "unreachable", "withdrawn")
    ends = ("answered", "abandoned", "left_menu", "self_served", "message", "callback", "closed")
    return {
        *flow.nodes,
        *happened,
        *(f"case {result}" for result in results),
        *(f"offer_ended {outcome}" for outcome in offers),
        *(f"in {language}" for language in site.languages),
        *(f"ends {end}" for end in ends),
    }
