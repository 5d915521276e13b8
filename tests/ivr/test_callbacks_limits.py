"""Limits of dialling: hours, daily limits, operators who dial a number themselves, forgotten numbers, and requests that
have waited for too long."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from carrier import address, calling, carrier, forgotten, now_is, put, put_request, until_request
from conftest import LONE_OFFSET, short_folder
from left import begins, rows
from line import Line

from db.callback_requests import CallbackRequest
from db.ids import uuid7
from db.references import make_reference
from db.tables import CallbackTry, CaseFile, CaseNote
from ivr.model import clock
from ivr.softphone.telephone import Telephones

BEFORE_M, AFTER_M = 20, 50
"""Minutes around now in which calls are allowed in Paris, but not yet in London, an hour behind."""
A_DAY = 4
LONG_AGO = timedelta(hours=49)
GIVE_UP_H = 0.015
"""A request then has its chance for 5.4 s; the requests that other tests want dialled wait less than these 54 s."""
CHANCE = timedelta(hours=GIVE_UP_H) / 10
LIMIT_S = 30


def now_in_paris() -> list[str]:
    here = datetime.now(ZoneInfo("Europe/Paris"))
    begins_m, ends_m = (60 * here.hour + here.minute + minutes for minutes in (-BEFORE_M, AFTER_M))
    day_m = 24 * 60
    if begins_m < 0:
        spans = [(0, ends_m), (begins_m + day_m, day_m)]
    elif ends_m > day_m:
        spans = [(0, ends_m - day_m), (begins_m, day_m)]
    else:
        spans = [(begins_m, ends_m)]
    return [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans]


@pytest.fixture(scope="module")
async def limited_line() -> AsyncIterator[Line]:
    with short_folder("hatif-limits-") as folder:
        async with calling(
            Path(folder), LONE_OFFSET, hours=now_in_paris(), most_a_day=A_DAY, give_up_h=GIVE_UP_H
        ) as up:
            yield up


@pytest.fixture
async def limited(limited_line: Line) -> AsyncIterator[Line]:
    yield limited_line
    await forgotten(limited_line)
    await limited_line.cleared()


async def looked_at(line: Line) -> None:
    """Wait until all requests have been looked at, and everybody due is rung, before the second look begins.

    Each look finds a caller who has asked twice about a file, after all other requests, and ends the first of the two.
    """
    for number in ("+33612360001", "+33612360002"):
        twice: dict[str, Any] = {"kind": "case", "case_reference": make_reference(8, 36), "due": None}
        first, _ = [await put_request(line, number, **twice) for _ in range(2)]
        assert (await until_request(line, first.id, "cancelled")).reason == "asked again"


def why_not(line: Line, *requests: CallbackRequest) -> list[str]:
    reasons = {row["id"]: row["why_not"] for row in line.json("callbacks")}
    return [reasons[str(request.id)] for request in requests]


async def test_nobody_is_dialled_outside_the_hours_or_over_a_limit_even_if_an_operator_is_ready(
    limited: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(limited))
    phone = await limited.phone(telephones, limited.speaks("fr"))
    reference, changed = make_reference(8, 33), clock.now()
    await put(limited, CaseFile, reference=reference, node="node1", kind="procedure", opened=changed, changed=changed)
    often = "+33612360003"
    for _ in range(limited.settings.callbacks.most_a_number):
        await put(
            limited, CallbackTry, callback_id=uuid7(), try_number=1, node="node1", number=often, dialled=clock.now()
        )
    night = await put_request(limited, "+447400123456", country="GB")
    about_case: dict[str, Any] = {"kind": "case", "case_reference": reference, "wished": changed - timedelta(minutes=1)}
    case_at_night = await put_request(limited, "+447400123457", country="GB", due=None, **about_case)
    too_often = await put_request(limited, often)
    await looked_at(limited)
    assert (phone.calls, out.dialled) == ([], [])
    whys = why_not(limited, night, case_at_night, too_often)
    assert [why.startswith("it is not an allowed hour in every possible time zone of the number") for why in whys] == [
        True,
        True,
        False,
    ]
    assert " before " in whys[0]
    assert whys[2] == "the number has reached its limit of calls for today"
    assert limited.json("waiting") == []

    # One more number may be dialled today, then no other, nor this one again.
    last = await put_request(limited, "+33612360004")
    leg = await phone.next_call(10)
    await leg.answer()
    await begins(leg, limited.audio(limited.spoken_to(phone.user), "callback_accept"))
    await leg.press("1")
    await out.phone.refuse(await out.phone.next_call())
    assert out.dialled == [last.number]
    await until_request(limited, last.id, "wished")
    await leg.hangup()
    await limited.until_state(phone.user, "ready")
    another = await put_request(limited, "+33612360005")
    await limited.until(lambda: "not due" not in why_not(limited, last)[0], 8, "it is due again")
    await looked_at(limited)
    assert (len(phone.calls), out.dialled) == (1, [last.number])
    assert why_not(limited, last, another) == ["the limit of outgoing calls for today is reached"] * 2


async def test_a_number_dialled_by_an_operator_never_reaches_a_carrier(limited: Line, telephones: Telephones) -> None:
    out = await carrier(telephones, address(limited))
    phone = await limited.phone(telephones, limited.speaks("fr"))
    for number in ("+33612360006", "0033612360006", "0612360006"):
        tried = await phone.dial(number)
        await tried.established()
        await begins(tried, limited.audio(limited.spoken_to(phone.user), "code_unknown"))
        await tried.hangup()
    assert (out.phone.calls, out.dialled) == ([], [])
    assert limited.operator_state(phone.user) == "ready"


async def test_a_forgotten_number_is_not_dialled_and_a_number_being_offered_is_not_forgotten(
    limited: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(limited))
    operator = limited.speaks("fr")
    phone = await limited.phone(telephones, operator)
    request = await put_request(limited, "+33612360007")
    leg = await phone.next_call(10)
    refused = await asyncio.to_thread(limited.run, "caller", "erase", request.number)
    assert refused.returncode == 1 and str(request.id) in "".join(refused.stderr.split())
    assert leg.state == "ringing"
    await phone.refuse(leg)
    assert (await until_request(limited, request.id, "wished")).reason == f"{operator}: refused"
    answer = await asyncio.to_thread(limited.run, "caller", "erase", request.number)
    assert answer.returncode == 0, answer.stderr
    assert (await now_is(limited, request.id)).state == "cancelled"
    limited.control("POST", f"/operators/{operator}/state", {"state": "ready"})
    await looked_at(limited)
    assert (len(phone.calls), out.dialled) == (1, [])


async def test_a_request_that_nobody_took_becomes_a_case_file_and_one_about_a_file_a_note(limited: Line) -> None:
    # No request expires while the line is closed; its chance begins when it opens.
    limited.control("POST", "/hours", {"force": "closed"})
    long_ago = clock.now() - LONG_AGO
    late = await put_request(limited, "+33612360008", due=long_ago)
    await looked_at(limited)
    assert why_not(limited, late) == ["the line is closed"]
    changed, unchanged = make_reference(8, 34), make_reference(8, 35)
    for reference in (changed, unchanged):
        about = {"node": "node1", "kind": "procedure", "opened": long_ago, "changed": long_ago}
        await put(limited, CaseFile, reference=reference, **about)
    about_case: dict[str, Any] = {"kind": "case", "due": None, "country": "GB"}
    waits = await put_request(limited, "+447400123458", case_reference=unchanged, **about_case)
    about_a_file = await put_request(
        limited, "+447400123459", case_reference=changed, wished=long_ago - timedelta(minutes=1), **about_case
    )
    opened = clock.now()
    limited.control("POST", "/hours", {"force": "auto"})

    # A row says that a lost node talks with the caller: their other requests are not dialled, and the list says so.
    number, boot = "+33612360009", uuid7()
    stale = await put_request(limited, number, state="connected", claimed_node="gone7", claimed_boot=boot, tries=1)
    blocked = await put_request(limited, number, due=clock.now() - LONG_AGO)
    behind = await put_request(limited, number)
    at_work = f"({stale.id}, by the node gone7)"
    assert why_not(limited, behind) == [f"another request of the same number is at work {at_work}"]
    failed = await until_request(limited, blocked.id, "failed", LIMIT_S)
    assert failed.reason == f"not within {GIVE_UP_H} open hours: another request of its number was at work {at_work}"
    assert (await now_is(limited, stale.id), (await now_is(limited, behind.id)).state) == (stale, "wished")

    failed = await until_request(limited, late.id, "failed", LIMIT_S)
    assert failed.reason == f"not within {GIVE_UP_H} open hours: no operator took it"
    assert failed.ended is not None and failed.ended - opened >= CHANCE
    (file,) = await rows(limited, CaseFile, reference=failed.case_reference)
    assert (file.kind, file.caller, file.due - file.opened) == ("callback", failed.number, timedelta(hours=48))
    row = next(row for row in limited.json("callbacks") if row["id"] == str(failed.id))
    assert (row["state"], row["reason"], row["case"]) == ("failed", failed.reason, failed.case_reference)

    failed = await until_request(limited, about_a_file.id, "failed", LIMIT_S)
    assert failed.reason is not None
    assert failed.reason.startswith(f"not within {GIVE_UP_H} open hours: it is not an allowed hour")
    assert failed.ended is not None and failed.ended - opened >= CHANCE
    (note,) = await rows(limited, CaseNote, id=about_a_file.id)
    assert note.case_reference == changed and failed.reason in note.text
    assert why_not(limited, waits) == ["the state of the case has not changed yet"]
