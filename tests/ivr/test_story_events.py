"""`hatif call` has a sentence for each event that the code can record, whatever is in it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from every import every

from cli.calls import story
from db.enums import TryOutcome
from ivr.callbacks.prompts import DECLINED

CHECKOUT = Path(__file__).resolve().parent.parent.parent

VALUES: dict[str, Any] = {
    "act": "transfer", "again": True, "agreed": True, "attended": False, "by": "operator", "call": "0199",
    "clips": [["fr", "to_operator"]], "colleague": "1002", "count": 1, "digits": "12", "earned": True, "file": "m.wav",
    "front": True, "gone": True, "minutes": 31, "instead_of": "nl", "key": "2", "kind": "waiting", "language": "fr",
    "languages": ["en"], "missing": [],
    "name": "year", "nobody": True, "number": "+33612345678", "offer": "0199", "open": True,
    "operator": "1001", "outcome": "answered", "position": 2, "procedure": "visa", "question": "survey_helpful",
    "answer": 4, "reason": "later", "reference": "100000012", "result": "told", "resumed": True, "role": "consulted",
    "seconds": 3.5, "secret": True, "since": 1.8e9, "state": "no_answer", "status": "ANSWER", "step": "where",
    "supervisor": "1003", "target": "1002", "text": "consent", "texts": ["whisper"], "to": "1002", "topic": "travel",
    "to_kind": "operator", "try_number": 1, "wait": "about_5", "way": "keys", "why": "closed",
    "request": "0199", "cause": 34, "server": 2, "said": True, "ms": 410, "yes": False, "city": "Lyon", "country": "FR",
    "what": "duty",
}  # fmt: skip
"""For each name in an event's data, a value that it may have."""

COMPUTED = {
    "ivr/call/call.py:flush_events": [],  # passes on the data of `Call.event`
    "ivr/callbacks/progress.py:record_event": [],  # passes on the data of `Progress.record_event`
    "ivr/talk/grants.py:_grant_plain": [
        (kind, {"by", "way"})
        for kind in ("held", "unheld", "cancelled", "swapped", "recording_paused", "recording_resumed")
    ],
}
"""Where the kind of an event is not written beside it: which kinds come from there, with the names in their data."""

RECORDS = {"event": 0, "call_event": 1, "record_event": 0, "record_request_event": 2, "_in_story": 1}
"""Functions that record an event: which argument says its kind."""


def recorded() -> Iterator[tuple[str, set[str]]]:
    """Return kind and data names of each event that is recorded anywhere."""
    for path in sorted((CHECKOUT / "ivr").rglob("*.py")):
        where = path.relative_to(CHECKOUT).as_posix()
        text = path.read_text()
        if where.startswith(("ivr/softphone/", "ivr/trial/")) or not any(f"{name}(" in text for name in RECORDS):
            continue
        for function in ast.walk(ast.parse(text)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (found := named(node)) is not None:
                    yield from kinds(where, function.name, found, node)


def named(node: ast.Call) -> str | None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in RECORDS or len(node.args) <= RECORDS[name]:
        return None
    of = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    return None if name == "event" and not of.endswith(("call", "self")) else name


def kinds(where: str, function: str, name: str, node: ast.Call) -> Iterator[tuple[str, set[str]]]:
    kind = node.args[RECORDS[name]]
    names = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
    for inner in [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg is None)]:
        names |= {str(key.value) for literal in ast.walk(inner) if isinstance(literal, ast.Dict) for key in literal.keys
                  if isinstance(key, ast.Constant) and isinstance(key.value, str)}  # fmt: skip
    if name in ("record_event", "record_request_event"):
        prefix, names = "callback_", names | {"request"}
    else:
        prefix = ""
    if isinstance(kind, ast.Constant):
        yield prefix + str(kind.value), names
    elif (place := f"{where}:{function}") in COMPUTED:
        yield from COMPUTED[place]
    elif where != "ivr/records/callback_records.py" and function != "_in_story":  # these pass on
        raise AssertionError(f"{place} records an event whose kind cannot be read: add it to COMPUTED")


EVENTS = sorted({(kind, tuple(sorted(names))) for kind, names in recorded()})


def test_the_events_are_found() -> None:
    found = {kind for kind, _ in EVENTS}
    assert len(found) > 45
    assert {"prompt", "callback_dialled", "callback_declined", "help_given", "swapped", "case_call_requested"} <= found


@every(("kind", "names"), EVENTS)
def test_each_event_that_can_be_recorded_is_shown_as_a_sentence(kind: str, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in VALUES]
    assert not missing, f"add a value of {missing} to VALUES"
    for absent in (False, True):  # what may be unknown
        data = {name: None if absent and name in ("operator", "reference", "topic") else VALUES[name] for name in names}
        event = {"kind": kind, "flow_node": "main", "data": data}
        sentence = story._sentence(event, {})
        assert sentence, f"{kind} is not in the story"
        assert "{" not in sentence
        assert sentence == story.format_event(event, {})


@pytest.mark.parametrize("outcome", TryOutcome)
def test_the_reason_for_a_failed_attempt_is_shown_in_words(outcome: TryOutcome) -> None:
    data = {"outcome": outcome.value, "try_number": 1, "again": False}
    sentence = story.format_event({"kind": "callback_missed", "flow_node": "", "data": data}, {})
    assert "_" not in sentence


@pytest.mark.parametrize("reason", DECLINED.values())
def test_a_declined_call_back_and_a_connected_one_read_differently_from_the_request(reason: str) -> None:
    data = {"operator": "1001", "reason": reason, "request": "1"}
    event: dict[str, Any] = {"kind": "callback_declined", "flow_node": "", "data": data}
    assert story.format_event(event, {}) == f"call-back: operator 1001 declined it ({reason})"
    event = {"kind": "callback", "flow_node": "callback", "data": {"request": "0199", "kind": "closed"}}
    assert story.format_event(event, {}) == "is called back: requested while the line was closed (request 0199)"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"to": "", "attended": True, "colleague": "1002"}, "with operator 1002, after talking to them first"),
        ({"to": "", "attended": True}, "with its other line, after talking to them first"),  # of an earlier release
        ({"to": "1002", "attended": False, "colleague": None}, "with 1002"),
    ],
)
def test_a_transfer_by_the_telephone_says_with_whom(data: dict[str, Any], sentence: str) -> None:
    event = {"kind": "referred", "flow_node": "queue", "data": {"by": "1001", **data}}
    assert story.format_event(event, {}) == f"the telephone of operator 1001 asks to connect the caller {sentence}"


def test_an_event_of_another_release_is_listed_as_it_is() -> None:
    event = {"kind": "new_thing", "flow_node": "main", "data": {"how_many": 3}}
    assert story.format_event(event, {}) == "new thing, how many 3"
    assert story.format_event({"kind": "key", "flow_node": "main", "data": {}}, {}) == "key"
