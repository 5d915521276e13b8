"""What is live is read again and again at little cost: rows that have not changed are the same, others are new."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from test_reconcile import uuid
from test_talk_breaks import SentMessages

from ivr.api.live import LiveReader, read_operator
from ivr.cases.guessing import Guessing
from ivr.flow.missing_audio import MissingAudio
from ivr.model.floor_protocol import QueuedCall
from ivr.records.call_counts import CallCounts
from ivr.records.limit_counts import SENTENCES, Limit
from ivr.site.operators import OperatorEntry
from ivr.site.sections import Alarms
from ivr.telephones.devices import Telephone
from routing.states import Operator, OperatorState
from routing.thresholds import ThresholdWatch


def a_line() -> Any:
    """A controller with two operators and nobody who calls."""
    entries = [OperatorEntry(name, f"Operator {name}", {"fr": 5}, frozenset(), False) for name in ("1002", "1003")]
    operators = {entry.id: Operator(entry.id, entry.languages, state=OperatorState.READY) for entry in entries}

    async def nobody() -> tuple[()]:
        return ()

    floor = SimpleNamespace(operators=operators, queue=nobody)
    callbacks = SimpleNamespace(rings=lambda _: None, request_of=lambda _: None)
    connection = SimpleNamespace(floor=floor, calls=[], call_on=lambda _: None, callbacks=callbacks)
    return SimpleNamespace(
        operators=entries,
        connection=connection,
        devices=SimpleNamespace(by_operator={}),
        replacements=SimpleNamespace(last=lambda _: None),
        supervisor_alerts=SimpleNamespace(help_is_wanted={}, why=lambda _: None),
        ami=SimpleNamespace(connected=True),
        journal=SimpleNamespace(dropped=0),
        last_probe=None,
        prompts=SimpleNamespace(missing=MissingAudio({}, {})),
        recorder=SimpleNamespace(counts=CallCounts()),
        case_lookup=SimpleNamespace(guessing=Guessing(100, 100)),
        language_changes=SimpleNamespace(changes={}),
        acknowledgements=SimpleNamespace(of=lambda *_: None, keep=lambda _: None),
        site=SimpleNamespace(alarms=Alarms()),
        thresholds=ThresholdWatch(Alarms().thresholds),
    )


async def test_only_the_row_of_an_operator_who_has_changed_is_made_anew() -> None:
    line = a_line()
    reader = LiveReader(cast(Any, line))
    first, again = await reader.read(), await reader.read()
    assert all(row is before for row, before in zip(again.operators, first.operators, strict=True))
    known = line.connection.floor.operators
    changes: list[Any] = [
        lambda: known.update({"1002": replace(known["1002"], state=OperatorState.PAUSED, reason="lunch")}),
        lambda: known.update({"1002": replace(known["1002"], on_line=True)}),
        lambda: line.devices.by_operator.update({"1002": Telephone("softphone", "192.0.2.1:5060", "udp")}),
        lambda: line.supervisor_alerts.help_is_wanted.update({"1002": 5.0}),
        lambda: setattr(line, "connection", None),
    ]
    line.recorder.counts.limits.reach(Limit.MENUS)
    (alarm,) = (await reader.read()).alarms
    assert (alarm.id, alarm.text) == ("limit_reached:menus", f"1 {SENTENCES[Limit.MENUS]} (docs/limits.md).")
    for change in changes:
        before = await reader.read()
        change()
        after = await reader.read()
        assert after.operators[0] != before.operators[0]
        assert after.operators[0] == read_operator(line, line.operators[0])
        assert (after.operators[1] is before.operators[1]) or line.connection is None


async def test_what_the_telephone_of_an_operator_does_is_news_though_their_call_is_the_same() -> None:
    line, call = a_line(), SentMessages().call()
    call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(nodes={})))
    known = line.connection.floor.operators
    known["1002"] = replace(known["1002"], state=OperatorState.TALKING, offer=uuid(11))
    line.connection.calls, line.connection.call_on = [call], lambda _: call
    reader = LiveReader(cast(Any, line))
    for name, place in (("on_hold", "hold"), ("page_gone", "gone")):
        for happens, found in ((True, place), (False, "together")):
            setattr(call, name, happens)
            live = await reader.read()
            assert [row.place for row in live.calls] == [found]
            of_call = live.operators[0].call
            assert of_call is not None and of_call.place == found


def test_the_state_of_an_operator_who_was_never_on_shift_began_at_no_known_instant() -> None:
    line = a_line()
    known = line.connection.floor.operators
    known["1002"] = Operator("1002", {"fr": 5})
    known["1003"] = replace(known["1003"], since=1_700_000_000.0)
    assert [read_operator(line, entry).since for entry in line.operators] == [None, 1_700_000_000.0]


async def test_a_caller_who_was_served_and_waits_again_keeps_their_place_and_their_clock_begins_anew() -> None:
    line, call = a_line(), SentMessages().call()
    call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(nodes={})))
    now = time.time()
    call.set(call.state.without_operator().replace(since=now - 1500, served_by="1002", served_until=now - 16))
    line.connection.calls = [call]
    line.site.alarms = Alarms(waiting_s=60)
    line.thresholds = ThresholdWatch(line.site.alarms.thresholds)

    async def queue() -> tuple[QueuedCall, ...]:
        return (QueuedCall(call.state.id, now - 1500, "fr", None, silent=False),)

    line.connection.floor.queue = queue
    live = await LiveReader(cast(Any, line)).read()
    assert [(row.since, row.counts_from) for row in live.queue] == [(now - 1500, now - 16)]
    assert [row.waits_since for row in live.calls] == [now - 16]
    assert live.alarms == ()
    call.set(call.state.replace(served_until=now - 61))
    alarms = (await LiveReader(cast(Any, line)).read()).alarms
    assert [(alarm.kind, alarm.figure) for alarm in alarms] == [("long_wait", now - 61)]
