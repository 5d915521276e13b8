"""Somebody shows an applicant's number, guesses PINs at their file, and does not keep the applicant from its state."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from carrier import address, calling, carrier, until_request
from conftest import LONE_OFFSET, short_folder
from left import begins, rows
from line import Line

from db.tables import Callback, CaseFile
from ivr.softphone.telephone import Telephones

APART_S = 0.25
"""As in `test_case`: between two keys of a number."""


@pytest.fixture
async def back() -> AsyncIterator[Line]:
    with short_folder("hatif-forged-") as folder:
        async with calling(Path(folder), LONE_OFFSET) as up:
            yield up


@pytest.mark.long
async def test_an_applicant_with_the_right_pin_hears_the_state_in_a_call_of_ours_after_forged_guesses(
    back: Line, telephones: Telephones
) -> None:
    out = await carrier(telephones, address(back))
    number = "+33612350077"
    about = ("--topic", "documents", "--language", "fr", "--country", "FR", "--title", "First passport")
    file = back.json("case", "open", *about, "--caller", number)
    reference, pin = file["reference"], file["pin"]
    await rows(back, CaseFile, reference=reference)
    wrong = f"{(int(pin) + 1) % 1_000_000:06}"

    forger = await back.asks_for_operator(telephones, number, "21")
    question = await begins(forger, back.audio("fr", "case_ask_reference"), timeout_s=20)
    for _ in range(3):
        await forger.press(f"{reference}#", APART_S)
        question = await begins(forger, back.audio("fr", "case_ask_pin"), question.offset_s)
        await forger.press(f"{wrong}#", APART_S)
        question = await begins(forger, back.audio("fr", "case_no_match"), question.offset_s)
    await forger.hangup()
    (locked,) = await rows(back, CaseFile, reference=reference)
    assert (locked.pin_own_failures, locked.pin_failures) == (3, 0)

    # The forger goes on, and learns nothing; nobody is called.
    for entered in (wrong, pin):
        caller = await back.asks_for_operator(telephones, number, "21")
        question = await begins(caller, back.audio("fr", "case_ask_reference"), timeout_s=20)
        await caller.press(f"{reference}#", APART_S)
        question = await begins(caller, back.audio("fr", "case_ask_pin"), question.offset_s)
        assert out.dialled == []
        await caller.press(f"{entered}#", APART_S)
        await begins(caller, back.audio("fr", "case_locked_call"), question.offset_s)
        await caller.hangup()

    # The second of them was the applicant, who is called.
    called = await out.phone.next_call()
    assert out.dialled == [number]
    (request,) = await rows(back, Callback, kind="case", number=number)
    await called.answer()
    question = await begins(called, back.audio("fr", "told_asked"))
    await called.press("1")
    question = await begins(called, back.audio("fr", "case_ask_pin"), question.offset_s)
    await called.press(pin, APART_S)
    await begins(called, back.audio("fr", "case_state_open"), question.offset_s)
    await called.hangup()
    await until_request(back, request.id, "done")
