"""What `hatif call` says about a wait: why it began, who was served meanwhile, and what would have changed it."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.calls.story import format_event, format_story
from db import read
from db.delivery import deliver_all
from db.engine import async_engine
from db.ids import uuid7
from db.journal import Journal
from db.upgrade import upgrade
from ivr.records.recorder import Recorder
from ivr.trial.records import FakeReferences
from routing.engine import Engine
from routing.match import Step, Waiting
from routing.policy import Policy
from routing.states import Operator, OperatorState
from routing.waits import explain_wait

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT = NOW.timestamp()


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        ("language", {"language": "en", "instead_of": "nl"}, "chooses en instead of nl"),
        ("language", {"language": "en"}, "chooses en"),
        ("returned", {"call": "0199", "since": AT}, "gets back the position of call 0199, waiting since 12:00:00"),
        (
            "other_language", {"languages": ["en"], "nobody": True},
            "is offered en, since nobody on duty speaks their language",
        ),
        ("other_language", {"languages": ["en"], "nobody": False}, "is offered en, since they have waited long"),
        ("nobody_on_duty", {}, "hears that nobody who speaks their language is on duty, and the alternatives"),
        ("last_calls", {}, "hears that their turn will probably come after closing time"),
        (
            "hours", {"why": "closed", "waits": True},
            "the line is closed; the caller has been waiting since before and stays",
        ),
        (
            "hours", {"why": "closed", "returns": True},
            "the line is closed; the caller was cut off before and is served nevertheless",
        ),
    ],
)  # fmt: skip
def test_an_event_is_shown_as_a_sentence(kind: str, data: dict[str, Any], sentence: str) -> None:
    assert format_event({"kind": kind, "flow_node": "queue", "data": data}, {}) == sentence


async def test_a_story_says_why_a_caller_waited_who_was_served_first_and_why_they_were_next(tmp_path: Path) -> None:
    """Two callers, and an operator who is busy at first: the later caller's story has the other's decision."""
    url = f"sqlite:///{tmp_path}/hatif.db"
    await upgrade(url)
    journal = Journal(tmp_path / "journal", "node1")
    recorder = Recorder(journal, FakeReferences(1))
    first, second = str(uuid7()), str(uuid7())
    engine = Engine(Policy(passing=10))
    operator = Operator("1001", {"fr": 5}, state=OperatorState.TALKING, since=AT - 60, present=True)
    engine.set_operator(operator)
    began = datetime.now(UTC)
    for call, since in ((first, AT - 20), (second, AT - 5)):
        journal.put("call", id=call, started=began, queued=began - timedelta(seconds=1))
        engine.wait(Waiting(call, (Step("fr"),), since))
        assert not engine.decide(AT).pairs
        why = explain_wait(engine, call, AT)
        assert why is not None
        recorder.waits(call, why)
    for now in (AT, AT + 30):
        engine.set_operator(Operator("1001", {"fr": 5}, state=OperatorState.READY, since=now, present=True))
        (pair,) = engine.decide(now + 1).pairs
        recorder.decision(pair)
    journal.close()
    assert (await deliver_all(tmp_path / "journal", url)).rejected == 0
    opened = async_engine(url)
    story = await read.call(opened, second)
    await opened.dispose()
    assert [decision.kind for decision in story.decisions] == ["wait", "offer"]
    (went,) = story.went_to_others
    assert went.data["other_caller"]["call"] == second
    sentences = [sentence.split("  ", 2)[2] for sentence in format_story(asdict(story), {})]
    assert sentences[0] == (
        "waits: nobody idle speaks fr; 1 on duty; 1 talking; 1 caller of this language ahead. 1001, who was talking"
        " (60.0 s), would have got the call if idle instead and if the caller had arrived 25.001 s earlier"
    )
    assert sentences[1].startswith("keeps waiting: operator 1001 gets another caller, who waited 21.0 s; arriving 5.00")
    assert sentences[2].startswith("decision for operator 1001: The caller waited 36.0 s, the only caller")
