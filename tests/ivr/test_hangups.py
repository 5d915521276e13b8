"""A caller may hang up at any moment: that is a hang-up, not an error, and the call's row ends.

`bench.hangups` makes the calls, and many more on a line of its own.
"""

import asyncio
import random
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, cast

import pytest
from line import FRENCH_NUMBER, Line
from test_talk_breaks import CALLER, SentMessages

from bench import hangups
from bench.sip import Account
from db.enums import Outcome
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.events import ChannelRef
from ivr.asterisk.ari.operations import Request
from ivr.call.call import Call
from ivr.call.flow_runner import run_flow
from ivr.call.interruptions import CallerGone, CallFailed
from ivr.call.items import Item, RequestFailed
from ivr.home import credentials

PLAY = operations.PLAY(CALLER, "pb-1", media="sound:x")
ENDS = events.StasisEnd(ChannelRef(CALLER))


@pytest.mark.parametrize("status", [400, 404, 409, 500])
@pytest.mark.parametrize("request_", [PLAY, operations.SET_VARIABLE(CALLER, variable="HATIF", value="{}")])
async def test_a_request_refused_on_a_channel_that_is_ending_is_a_hang_up(status: int, request_: Request) -> None:
    call = SentMessages().call()
    call.deliver(RequestFailed(request_, status))
    asyncio.get_running_loop().call_later(0.02, call.deliver, ENDS)
    with pytest.raises(CallerGone):
        await call.next()


async def test_a_request_refused_on_a_channel_that_is_gone_is_a_hang_up() -> None:
    call = SentMessages(there=False).call()
    call.deliver(RequestFailed(PLAY, 409))
    with pytest.raises(CallerGone):
        await call.next()


async def test_a_request_refused_on_a_channel_that_stays_is_a_failure() -> None:
    call = SentMessages().call()
    call.deliver(RequestFailed(PLAY, 409))
    call.deliver(events.ChannelDtmfReceived(ChannelRef(CALLER), "5"))
    with pytest.raises(CallFailed):
        await call.next()
    await call.next()
    assert list(call.keys) == ["5"]  # what happened meanwhile is kept


async def test_an_operator_does_not_count_as_unreachable_if_the_caller_has_gone() -> None:
    call = SentMessages(there=False).call()
    create = operations.CREATE(endpoint="PJSIP/1001", app="hatif", channelId="leg", originator=CALLER)
    call.deliver(RequestFailed(create, 400))
    with pytest.raises(CallerGone):
        await call.next()


async def test_a_hang_up_after_a_refusal_is_noticed_when_keys_are_read() -> None:
    """The hang-up used to get lost here, and one operator after another was rung for a caller who had gone."""
    call = SentMessages().call()
    happened: list[Item] = [RequestFailed(PLAY, 409), ENDS]
    for item in happened:
        call.deliver(item)
    with pytest.raises(CallerGone):
        call.take_waiting_keys()
    call = SentMessages().call()
    happened = [events.ChannelDtmfReceived(ChannelRef(CALLER), "5"), RequestFailed(PLAY, 409)]
    for item in happened:
        call.deliver(item)
    call.take_waiting_keys()
    assert list(call.keys) == ["5"]
    with pytest.raises(CallFailed):
        await call.next()


class _Broken(SentMessages):
    """`takes`: whether Asterisk passes the call to the dialplan."""

    def __init__(self, *, there: bool, takes: bool) -> None:
        super().__init__(there=there)
        self.takes = takes

    async def ask(self, *requests: Request) -> list[SimpleNamespace]:
        answers = await super().ask(*requests)
        for request, answer in zip(requests, answers, strict=True):
            if request.uri.endswith("/continue") and self.takes:
                answer.ok, answer.status = True, 204
        return answers

    def call(self) -> Call:
        async def fails(call: Call, resumed: bool) -> None:
            raise RuntimeError("a node of the test")

        call = super().call()
        node = SimpleNamespace(run=fails, is_menu=lambda: False)
        call.version = cast(Any, SimpleNamespace(flow=SimpleNamespace(operator="queue", nodes={"queue": node})))
        call.set(call.state.at_node("queue"))
        return call


@pytest.mark.parametrize(
    ("there", "takes", "outcome"),
    [(False, False, Outcome.ABANDONED), (False, True, Outcome.ABANDONED), (True, False, Outcome.FAILED)],
)
async def test_a_call_that_failed_twice_ends_if_the_dialplan_does_not_take_it(
    there: bool, takes: bool, outcome: Outcome
) -> None:
    sent = _Broken(there=there, takes=takes)
    call = sent.call()
    call.set(call.state.replace(outcome=None, since=1795600000.0))
    await run_flow(call, resumed=True)
    (ended,) = cast(Any, call.services).recorder.call_ended.call_args_list
    assert ended.args[1] == outcome


async def test_a_call_passed_to_the_dialplan_is_left_to_the_fallback_records() -> None:
    call = _Broken(there=True, takes=True).call()
    await run_flow(call, resumed=True)
    assert cast(Any, call.services).recorder.call_ended.call_args_list == []


@pytest.mark.parametrize("calls", [15, pytest.param(2000, marks=pytest.mark.long)])
async def test_callers_who_hang_up_at_random_moments_leave_finished_rows_and_no_errors(
    line: Line, calls: int, record_property: Any
) -> None:
    """Before an answer, in a prompt, with a key, while they wait, while an operator is rung, hears the whisper, or
    talks."""
    seed = random.Random().randrange(10_000)
    record_property(f"seed of {calls} hang-ups", seed)
    secrets = credentials.load(line.home, ()).operators
    accounts = [
        Account(operator, secrets[operator]) for operator in (line.speaks("fr"), line.speaks("ar"), line.speaks("en"))
    ]
    server, seen = ("127.0.0.1", 5060 + line.offset), line.log.stat().st_size
    wanted = hangups.courses(calls, seed)
    phones, anew = await hangups.operators_answer(server, accounts, 0)
    try:
        made = await hangups.make(wanted, FRENCH_NUMBER, "127.0.0.2", server)
        callers = [plan.caller for plan in wanted]
        findings = await hangups.read_findings(line.database, line.log, seen, callers, made.cancelled)
    finally:
        await hangups.leave(phones, anew, accounts)
    document = {"made": {"calls": made.calls, "cancelled": made.cancelled, "lost": made.lost or {}}, "left": {}}
    assert hangups.wrong({**document, "told": asdict(findings)}) == [], (seed, findings)
    assert sum(findings.outcomes.values()) == findings.rows
